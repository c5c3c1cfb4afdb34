package api

import "squall/internal/auth"

// routeTable is every route there is, with the permission it needs. Open routes
// say so; a route without permission is for everybody who is authenticated.
var routeTable = []route{
	{method: "GET", path: "/healthz", open: toAll, handle: (*Server).healthz},
	{method: "GET", path: "/readyz", open: toAll, handle: (*Server).readyz},
	{method: "GET", path: "/metrics", need: auth.MetricsView, open: toLoopback, handle: (*Server).metrics},

	{method: "GET", path: "/api/v1", direct: "/", handle: (*Server).rootGet},
	{method: "GET", path: "/api/v1/user", handle: (*Server).userGet},

	{method: "POST", path: "/auth/v1/tokens", direct: "/tokens", open: toAll, handle: (*Server).tokenCreate},
	{method: "DELETE", path: "/auth/v1/tokens", direct: "/tokens", handle: (*Server).tokenDelete},
	{method: "POST", path: "/auth/v1/tokens/validate", direct: "/tokens/validate", reads: true, handle: (*Server).tokenValidate},
	{method: "GET", path: "/auth/v1/sso", direct: "/sso", open: toAll, handle: (*Server).ssoGet},
	{method: "GET", path: "/auth/v1/sso/request", direct: "/sso/request", open: toAll, handle: (*Server).ssoRequest},
	{method: "GET", path: "/auth/v1/sso/callback", direct: "/sso/callback", open: toAll, handle: (*Server).ssoCallback},
	{method: "POST", path: "/auth/v1/sso/callback", direct: "/sso/callback", open: toAll, reads: true, handle: (*Server).ssoCallback},
	{method: "POST", path: "/auth/v1/sso/token", open: toAll, handle: (*Server).ssoToken},
	{method: "POST", path: "/auth/v1/sso/device", open: toAll, reads: true, handle: (*Server).ssoDevice},
	{method: "POST", path: "/auth/v1/sso/device/token", open: toAll, reads: true, handle: (*Server).ssoDeviceToken},
	{method: "GET", path: "/auth/v1/sso/metadata", open: toAll, handle: (*Server).ssoMetadata},

	{method: "GET", path: "/api/v1/executions", need: auth.ExecutionList, handle: (*Server).executionList},
	{method: "POST", path: "/api/v1/executions", need: auth.ActionExecute, on: inHandler, handle: (*Server).executionCreate},
	{method: "GET", path: "/api/v1/executions/{id}", need: auth.ExecutionView, on: executionInPath, handle: (*Server).executionGet},
	{method: "PUT", path: "/api/v1/executions/{id}", need: auth.ExecutionModify, on: executionInPath, handle: (*Server).executionPut},
	{method: "DELETE", path: "/api/v1/executions/{id}", need: auth.ExecutionStop, on: executionInPath, handle: (*Server).executionCancel},
	{method: "POST", path: "/api/v1/executions/{id}/re_run", need: auth.ExecutionReRun, on: executionInPath, handle: (*Server).executionReRun},
	{method: "GET", path: "/api/v1/executions/{id}/children", need: auth.ExecutionView, on: executionInPath, handle: (*Server).executionChildren},
	{method: "GET", path: "/api/v1/executions/{id}/attribute/{name}", need: auth.ExecutionView, on: executionInPath, handle: (*Server).executionAttribute},
	{method: "GET", path: "/api/v1/executions/{id}/result", need: auth.ExecutionView, on: executionInPath, handle: (*Server).executionResult},
	{method: "GET", path: "/api/v1/executions/{id}/output", need: auth.ExecutionView, on: executionInPath, handle: (*Server).executionOutput},

	{method: "GET", path: "/api/v1/inquiries", need: auth.InquiryList, handle: (*Server).inquiryList},
	{method: "GET", path: "/api/v1/inquiries/{id}", need: auth.InquiryView, on: inquiryInPath, handle: (*Server).inquiryGet},
	{method: "PUT", path: "/api/v1/inquiries/{id}", need: auth.InquiryRespond, on: inquiryInPath, handle: (*Server).inquiryRespond},

	{method: "GET", path: "/api/v1/actions", need: auth.ActionList, handle: (*Server).actionList},
	{method: "GET", path: "/api/v1/actions/{ref}", need: auth.ActionView, on: actionInPath, handle: (*Server).actionGet},
	{method: "GET", path: "/api/v1/packs", need: auth.PackList, handle: (*Server).packList},
	{method: "GET", path: "/api/v1/packs/{ref}", need: auth.PackView, on: packInPath, handle: (*Server).packGet},
	{method: "POST", path: "/api/v1/packs/register", need: auth.PackRegister, handle: (*Server).packRegister},
	{method: "POST", path: "/api/v1/packs/install", need: auth.PackInstall, handle: (*Server).packInstall},
	{method: "POST", path: "/api/v1/packs/uninstall", need: auth.PackUninstall, handle: (*Server).packUninstall},
	{method: "GET", path: "/api/v1/packs/index", need: auth.PackSearch, handle: (*Server).packIndex},
	{method: "POST", path: "/api/v1/packs/index/search", need: auth.PackSearch, reads: true, handle: (*Server).packSearch},
	{method: "GET", path: "/api/v1/packs/views/files/{ref}", need: auth.PackView, on: packInPath, handle: (*Server).packFiles},
	{method: "GET", path: "/api/v1/packs/views/file/{ref}/{path...}", need: auth.PackView, on: packInPath, handle: (*Server).packFile},
	{method: "GET", path: "/api/v1/config_schemas", need: auth.PackList, handle: (*Server).configSchemaList},
	{method: "GET", path: "/api/v1/config_schemas/{ref}", need: auth.PackView, on: packInPath, handle: (*Server).configSchemaGet},
	{method: "GET", path: "/api/v1/configs", need: auth.PackList, handle: (*Server).configList},
	{method: "GET", path: "/api/v1/configs/{ref}", need: auth.PackView, on: packInPath, handle: (*Server).configGet},
	{method: "PUT", path: "/api/v1/configs/{ref}", need: auth.PackConfig, on: packInPath, handle: (*Server).configPut},
	{method: "GET", path: "/api/v1/runnertypes", need: auth.RunnerList, handle: (*Server).runnerList},
	{method: "GET", path: "/api/v1/runnertypes/{name}", need: auth.RunnerView, on: runnerInPath, handle: (*Server).runnerGet},

	{method: "GET", path: "/api/v1/keys", need: auth.KeyList, handle: (*Server).keyList},
	{method: "GET", path: "/api/v1/keys/{name}", need: auth.KeyView, on: inHandler, handle: (*Server).keyGet},
	{method: "PUT", path: "/api/v1/keys/{name}", need: auth.KeySet, on: inHandler, handle: (*Server).keyPut},
	{method: "DELETE", path: "/api/v1/keys/{name}", need: auth.KeyDelete, on: inHandler, handle: (*Server).keyDelete},

	{method: "GET", path: "/api/v1/apikeys", need: auth.APIKeyList, handle: (*Server).apiKeyList},
	{method: "POST", path: "/api/v1/apikeys", need: auth.APIKeyCreate, handle: (*Server).apiKeyCreate},
	{method: "GET", path: "/api/v1/apikeys/{id}", need: auth.APIKeyView, on: apiKeyInPath, handle: (*Server).apiKeyGet},
	{method: "PUT", path: "/api/v1/apikeys/{id}", need: auth.APIKeyModify, on: apiKeyInPath, handle: (*Server).apiKeyPut},
	{method: "DELETE", path: "/api/v1/apikeys/{id}", need: auth.APIKeyDelete, on: apiKeyInPath, handle: (*Server).apiKeyDelete},
	{method: "GET", path: "/api/v1/service_registry/groups", need: auth.ServiceView, handle: (*Server).serviceGroups},
	{method: "GET", path: "/api/v1/service_registry/groups/{name}/members", need: auth.ServiceView, handle: (*Server).serviceMembers},
	{method: "GET", path: "/api/v1/rbac/roles", need: auth.RoleView, handle: (*Server).roleList},
	{method: "GET", path: "/api/v1/rbac/roles/{ref}", need: auth.RoleView, handle: (*Server).roleGet},
	{method: "GET", path: "/api/v1/rbac/role_assignments", need: auth.RoleView, handle: (*Server).assignmentList},
	{method: "GET", path: "/api/v1/rbac/role_assignments/{id}", need: auth.RoleView, handle: (*Server).assignmentGet},
	{method: "GET", path: "/api/v1/rbac/permission_types", need: auth.RoleView, handle: (*Server).permissionTypeList},
	{method: "GET", path: "/api/v1/rbac/permission_types/{name}", need: auth.RoleView, handle: (*Server).permissionTypeGet},
	{method: "GET", path: "/api/v1/audit", need: auth.AuditView, handle: (*Server).auditList},

	{method: "GET", path: "/stream/v1/stream", need: auth.StreamView, events: true, handle: (*Server).streamEvents},
	{method: "GET", path: "/stream/v1/executions/{id}/output", need: auth.ExecutionView, on: executionInPath, events: true, handle: (*Server).streamOutput},
}
