package app

import (
	"context"
	"strings"

	"squall/internal/squall"
	"squall/internal/store"
)

// auditFiles writes into the audit log that files about who may come in and what
// they may do are in force in a new form. Who changed them the server cannot
// know; each node says it for itself.
func (s *server) auditFiles(ctx context.Context, name string, differs []string) {
	e := &squall.AuditEntry{
		Method: "file", Action: "reload " + name, Target: name, From: s.config.NodeName(), Outcome: squall.AuditDone, Detail: strings.Join(differs, "; "),
	}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		e.ID = squall.NewIDSource().Next(tx.Now())
		return tx.AppendAudit(ctx, e)
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("the audit log could not be written", "action", e.Action, "detail", e.Detail, "error", err)
	}
}
