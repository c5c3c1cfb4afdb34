package lifecycle

// Datastore returns what answers st2kv to the texts that authors of packs write.
// It decrypts system keys when that is allowed.
func (s *Service) Datastore(decrypt bool) *Datastore {
	return &Datastore{read: s.st.View, ring: s.ring, decrypt: decrypt}
}
