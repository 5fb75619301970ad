package setup

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"text/template"

	"platen/fault"
)

//go:embed files
var files embed.FS

// The delimiters are none of the languages that are written.
var scripts = template.Must(template.New("").Delims("[[", "]]").Option("missingkey=error").Funcs(template.FuncMap{
	"sh": shell, "ps": powerShell, "yaml": yaml, "xml": escapeXML, "comment": comment, "indent": indent,
}).ParseFS(files, "files/*"))

// Deployment is what a script or a profile shall bring about.
type Deployment struct {
	Node    Node
	Queues  []Queue
	CA      []byte // PEM; the script makes the machine trust it. Empty: it touches no trust
	Version string
}

// Windows writes a PowerShell script for a start-up script of Group Policy.
func (d Deployment) Windows(w io.Writer) error { return d.write(w, "windows.ps1", false, false) }

// Intune writes the PowerShell script that Intune runs; with detect, the one by
// which it finds out whether there is something to do.
func (d Deployment) Intune(w io.Writer, detect bool) error {
	return d.write(w, "windows.ps1", true, detect)
}

// CUPS writes a shell script for machines that print through CUPS.
func (d Deployment) CUPS(w io.Writer) error { return d.write(w, "cups.sh", false, false) }

// Ansible writes a file of tasks.
func (d Deployment) Ansible(w io.Writer) error { return d.write(w, "ansible.yml", false, false) }

// Profile writes a configuration profile for macOS, iOS and iPadOS, for a person
// to open or for a device management to hand out.
func (d Deployment) Profile(w io.Writer) error {
	return d.write(w, "profile.mobileconfig", false, false)
}

func (d Deployment) write(w io.Writer, name string, intune, detect bool) error {
	const op = "setup.Deployment"
	if len(d.Queues) == 0 {
		return &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is no queue to print to yet."}
	}
	if d.Node.Host == "" || d.Node.IPP == 0 {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "This node does not listen for IPP."}
	}
	ders, err := certificates(d.CA)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = scripts.ExecuteTemplate(&b, name, struct {
		Deployment
		Intune, Detect bool
		Ders           []string
	}{d, intune, detect, ders})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// certificates takes a PEM file apart, in base64 of DER.
func certificates(file []byte) ([]string, error) {
	var list []string
	for rest := file; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type == "CERTIFICATE" {
			list = append(list, base64.StdEncoding.EncodeToString(b.Bytes))
		}
	}
	if len(file) > 0 && len(list) == 0 {
		return nil, &fault.Error{Op: "setup.certificates", Kind: fault.Invalid, Text: "There is no certificate of an authority to trust."}
	}
	return list, nil
}

// PEM is the authority as a file.
func (d Deployment) PEM() string { return strings.TrimSpace(string(d.CA)) }

// ProfileID is the identifier of a profile: a new one with the same replaces it.
func (d Deployment) ProfileID() string {
	return "io.platen.print." + strings.ToLower(d.Queues[0].UUID)
}

// ProfileUUID follows from what the profile holds.
func (d Deployment) ProfileUUID(what string) string {
	for _, q := range d.Queues {
		what += " " + q.UUID + q.Path()
	}
	return d.Queues[0].within(what)
}

// Title is what people read of a profile.
func (d Deployment) Title() string {
	if len(d.Queues) == 1 {
		return d.Queues[0].Label
	}
	return "Platen " + d.Node.Host
}

func indent(n int, s string) string {
	return strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", n))
}
