package app

import (
	"os"

	"squall/internal/secret"
)

// secrets makes the providers of secrets that are kept outside.
func (s *server) secrets() (*secret.Providers, error) {
	c := s.config.Secrets
	p, err := secret.New(secret.Config{
		FileDir:        c.FileDir,
		CredentialsDir: os.Getenv("CREDENTIALS_DIRECTORY"),
		Env:            os.LookupEnv,
		Vault:          secret.Vault{Address: c.VaultAddress, TokenFile: c.VaultTokenFile, Namespace: c.VaultNamespace, CAFile: c.VaultCAFile},
	})
	if err == nil {
		s.atEnd(p.Close)
	}
	return p, err
}
