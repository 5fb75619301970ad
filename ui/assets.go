package ui

import (
	"crypto/sha256"
	_ "embed" // the files below
	"encoding/hex"
	"runtime/debug"

	"platen/fault"
)

//go:embed assets/platen.css
var style []byte

//go:embed assets/icon.svg
var icon []byte

// The name of an asset holds its digest, so that it may be kept for ever and a
// new version is never confused with an old one.
var (
	stylePath = "/assets/" + hashed("platen", style, "css")
	iconPath  = "/assets/" + hashed("icon", icon, "svg")
)

func hashed(name string, content []byte, ext string) string {
	sum := sha256.Sum256(content)
	return name + "-" + hex.EncodeToString(sum[:6]) + "." + ext
}

func (s *Server) asset(v *visit) error {
	var content []byte
	switch v.r.URL.Path {
	case stylePath:
		content = style
		v.w.Header().Set("Content-Type", "text/css; charset=utf-8")
	case iconPath:
		content = icon
		v.w.Header().Set("Content-Type", "image/svg+xml")
	default:
		return &fault.Error{Op: "ui.asset", Kind: fault.NotFound, Text: "There is no such page here."}
	}
	v.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := v.w.Write(content)
	return gone(err)
}

func (s *Server) caFile(v *visit) error {
	if s.CAPEM == nil {
		return &fault.Error{Op: "ui.ca", Kind: fault.NotFound, Text: "There is no such page here."}
	}
	v.w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	v.w.Header().Set("Content-Disposition", `attachment; filename="platen-ca.pem"`)
	_, err := v.w.Write(s.CAPEM())
	return gone(err)
}

func stack() string { return string(debug.Stack()) }
