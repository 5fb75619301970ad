package ui

// jwksPath is where the keys are that sign API tokens, for all who check them.
const jwksPath = "/.well-known/jwks.json"

// jwks publishes the keys. Whoever keeps them for a while asks again when a token
// names a key that is not among them.
func (s *Server) jwks(v *visit) error {
	v.w.Header().Set("Content-Type", "application/jwk-set+json") // RFC 7517, section 8.5.2
	v.w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := v.w.Write(s.JWKS())
	return gone(err)
}
