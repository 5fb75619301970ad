package pki

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

// Python's plistlib reads the profile, and finds in it what Apple's payload for a
// root has.
func TestMobileconfig(t *testing.T) {
	root := newRoot(t, judged)
	const name = `Müller & <Söhne> "50%" %s` + "\x00"
	data := Mobileconfig(root, name)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-c", `
import json, plistlib, sys
p = plistlib.loads(sys.stdin.buffer.read())
json.dump(p, sys.stdout, default=lambda b: b.hex())`)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	type payload struct {
		PayloadType, PayloadIdentifier, PayloadUUID, PayloadDisplayName, PayloadScope string
		PayloadVersion                                                                int
	}
	var p struct {
		payload
		PayloadContent []struct {
			payload
			PayloadContent string // hex
		}
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	if p.PayloadType != "Configuration" || p.PayloadVersion != 1 || len(p.PayloadContent) != 1 || p.PayloadScope != "System" {
		t.Fatalf("%+v", p)
	}
	c := p.PayloadContent[0]
	if c.PayloadType != "com.apple.security.root" || c.PayloadVersion != 1 || c.PayloadContent != hex.EncodeToString(root.Leaf().Raw) {
		t.Errorf("%+v is not the root", c)
	}
	uuid := regexp.MustCompile(`^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`)
	if !uuid.MatchString(p.PayloadUUID) || !uuid.MatchString(c.PayloadUUID) || p.PayloadUUID == c.PayloadUUID || p.PayloadIdentifier == c.PayloadIdentifier {
		t.Errorf("%s and %s, %s and %s", p.PayloadUUID, c.PayloadUUID, p.PayloadIdentifier, c.PayloadIdentifier)
	}
	if want := `Müller & <Söhne> "50%" %s` + "\ufffd"; p.PayloadDisplayName != want || c.PayloadDisplayName != want {
		t.Errorf("%q", p.PayloadDisplayName)
	}
	if !bytes.Equal(data, Mobileconfig(root, name)) {
		t.Error("a second profile is another one")
	}
	if other := Mobileconfig(newRoot(t, judged), name); bytes.Contains(other, []byte(p.PayloadUUID)) || bytes.Contains(other, []byte(p.PayloadIdentifier)) {
		t.Error("another root replaces this one")
	}
	if bytes.Contains(data, []byte("PRIVATE")) {
		t.Error("a key")
	}
}
