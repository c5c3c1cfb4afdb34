package auth

// The permissions on packs beyond reading them.
const (
	PackRegister  Permission = "pack_register"
	PackInstall   Permission = "pack_install"
	PackUninstall Permission = "pack_uninstall"
	PackSearch    Permission = "pack_search"
)
