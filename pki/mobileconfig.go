package pki

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
)

// Mobileconfig is a configuration profile for macOS, iOS and iPadOS that installs a
// root, for a person to open or for a device management to hand out. name is what
// people read of it. The same root makes the same profile, so that installing it
// again replaces it; one of another root stands beside it, because both are needed
// for a while.
func Mobileconfig(root *Chain, name string) []byte {
	der := root.Leaf().Raw
	sum := sha256.Sum256(der)
	id := fmt.Sprintf("io.platen.authority.%x", sum[:8])
	var label bytes.Buffer
	_ = xml.EscapeText(&label, []byte(name)) // a buffer takes everything
	return fmt.Appendf(nil, profile, id, profileUUID("profile", der), label.Bytes(), id, profileUUID("root", der), label.Bytes(),
		base64.StdEncoding.EncodeToString(der))
}

// profileUUID follows from what it stands for (version 8 of RFC 9562, section 5.8).
func profileUUID(part string, der []byte) string {
	s := sha256.Sum256(append([]byte(part+"\n"), der...))
	s[6], s[8] = s[6]&0x0f|0x80, s[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", s[:4], s[4:6], s[6:8], s[8:10], s[10:16])
}

// profile has the keys of Apple's TopLevel and CertificateRoot payloads.
const profile = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadType</key>
	<string>Configuration</string>
	<key>PayloadVersion</key>
	<integer>1</integer>
	<key>PayloadIdentifier</key>
	<string>%s</string>
	<key>PayloadUUID</key>
	<string>%s</string>
	<key>PayloadDisplayName</key>
	<string>%s</string>
	<key>PayloadDescription</key>
	<string>Adds a certificate authority of Platen</string>
	<key>PayloadOrganization</key>
	<string>Platen</string>
	<key>PayloadScope</key>
	<string>System</string>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadType</key>
			<string>com.apple.security.root</string>
			<key>PayloadVersion</key>
			<integer>1</integer>
			<key>PayloadIdentifier</key>
			<string>%s.root</string>
			<key>PayloadUUID</key>
			<string>%s</string>
			<key>PayloadDisplayName</key>
			<string>%s</string>
			<key>PayloadCertificateFileName</key>
			<string>authority.cer</string>
			<key>PayloadContent</key>
			<data>%s</data>
		</dict>
	</array>
</dict>
</plist>
`
