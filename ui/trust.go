package ui

import (
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"

	"platen/fault"
	"platen/internal/crowd"
	"platen/pki"
)

// trustSystems are those that the page about the authority tells apart. Names are
// their makers'.
var trustSystems = []system{
	{"windows", "Windows"}, {"macos", "macOS"}, {"ios", "iPhone, iPad"}, {"android", "Android"}, {"chromeos", "Chrome, ChromeOS"},
	{"firefox", "Firefox"}, {"linux", "Linux"}, {"cups", "CUPS"},
}

// trustPart is one system on the page.
type trustPart struct {
	trustSheet
	Code, Name string
	Here       bool
	URL        string
}

// trustSheet is the page that says what the built-in authority is, and how clients are
// made to trust it.
type trustSheet struct {
	sheet
	Query    string
	Host     string
	SHA256   string
	Ends     string
	Issuer   string // of the public or company authority that the address shows, "" the built-in one
	Public   bool   // it is a public one
	Known    bool   // the visitor's system is
	Sections []trustPart
}

func errNoAuthority() error {
	return &fault.Error{Op: "ui.trust", Kind: fault.NotFound, Text: "There is no such page here."}
}

// trustPage tells everybody how to trust the authority.
func (s *Server) trustPage(v *visit) error {
	root := s.Certs.Root()
	if root == nil {
		return errNoAuthority()
	}
	p := trustSheet{sheet: v.sheet("Trust this node"), Query: v.langQuery(), Host: crowd.HostOf(v.r.Host)}
	p.SHA256, p.Ends = pki.DescribeCert(root, s.Now()).SHA256, p.Day(root.NotAfter)
	if c, err := s.Certs.ShownFor(p.Host); err == nil && (c.Vouched == pki.VouchedPublic || c.Vouched == pki.VouchedCompany) {
		p.Issuer, p.Public = pki.DescribeCert(c.Certs[0], s.Now()).Issuer, c.Vouched == pki.VouchedPublic
	}
	here := systemOf(v.r.UserAgent())
	if asked := v.r.URL.Query().Get("for"); slices.ContainsFunc(trustSystems, func(x system) bool { return x.code == asked }) {
		here = asked
	}
	for i := range p.Languages {
		if here != "" {
			p.Languages[i].URL += "&for=" + here
		}
	}
	p.Known = here != ""
	var rest []trustPart
	for _, x := range trustSystems {
		query := url.Values{"for": {x.code}}
		if lang := v.r.URL.Query().Get("lang"); p.Query != "" {
			query.Set("lang", lang)
		}
		part := trustPart{p, x.code, x.name, x.code == here, trustPath + "?" + query.Encode()}
		if part.Here {
			p.Sections = append(p.Sections, part)
		} else {
			rest = append(rest, part)
		}
	}
	p.Sections = append(p.Sections, rest...)
	return v.render(http.StatusOK, "trust.html", p)
}

// trustFile is the authority's certificate in one of the forms that systems take.
func (s *Server) trustFile(v *visit) error {
	root := s.Certs.Root()
	if root == nil {
		return errNoAuthority()
	}
	switch name := v.path("file"); name {
	case "platen-ca.pem":
		return v.download("application/x-x509-ca-cert", name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	case "platen-ca.crt":
		return v.download("application/x-x509-ca-cert", name, root.Raw) // DER, which Android and Windows open
	case "platen-ca.mobileconfig":
		v.w.Header().Set("Content-Type", "application/x-apple-aspen-config")
		v.w.Header().Set("Content-Disposition", `inline; filename="platen-ca.mobileconfig"`) // Safari offers to install it
		_, err := v.w.Write(s.Certs.Mobileconfig(s.Name))
		return gone(err)
	}
	return errNoAuthority()
}
