package lifecycle

// DatastoreFor returns what answers st2kv to the texts that authors of packs write.
// It decrypts system keys when that is allowed.
func (s *Service) DatastoreFor(decrypt bool) *Datastore {
	return &Datastore{read: s.st.View, ring: s.ring, decrypt: decrypt}
}
