package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"platen/config"
	"platen/directory"
	"platen/fault"
	"platen/internal/fsys"
	"platen/job"
	"platen/site"
)

// demoCommand is a whole node on loopback that a newcomer can print to within
// a minute. Its people have well-known secrets, which is why it never listens
// to anybody else.
func demoCommand() *command {
	var lpd, ipp, web *opt[string]
	return &command{
		name: "demo", summary: "run a whole node on loopback, with people, queues and a device, and say what to try",
		more: "People anna (password anna, PIN 246810, card 04A1B2C3D4) and ben (password ben, PIN 135790, card 04E5F60718);\n" +
			"queue secure holds jobs, queue direct prints at once; device folder writes what it prints into DIR/printed/.\n" +
			"DIR/demo.json holds the CA file, addresses and a terminal's token. A second start keeps what the first had.",
		examples: []string{"demo", "demo --dir /tmp/platen --lpd 127.0.0.1:0 --ipp 127.0.0.1:0 --web 127.0.0.1:0"},
		flags: func(fs *flag.FlagSet) {
			lpd = optText(fs, "lpd", "where LPD listens, `ADDRESS:PORT` on loopback (127.0.0.1:5515)")
			ipp = optText(fs, "ipp", "where IPP listens, `ADDRESS:PORT` on loopback (127.0.0.1:5631)")
			web = optText(fs, "web", "where HTTPS listens, `ADDRESS:PORT` on loopback (127.0.0.1:5443)")
		},
		local: func(ctx context.Context, e *env, c *call) error {
			if c.where.config != "" {
				return usagef("the demo has a configuration of its own, in DIR/node.toml")
			}
			if c.where.dir == "" {
				c.where.dir = filepath.Join("var", "demo")
			}
			p, err := demoPlace(c.where.dir, lpd, ipp, web)
			if err != nil {
				return err
			}
			return runNode(ctx, e, p, func(n *node) error { return n.demo(ctx, e.out) })
		},
	}
}

// demoConfig is the configuration that the first start writes, with the
// addresses that it was given.
const demoConfig = `# Written by the first start of platen demo. The people of the demo have
# well-known passwords: it must never listen on anything but loopback.
trusted = ["127.0.0.0/8", "::1/128"]

[listen]
lpd = %q
ipp = %q
web = %q

[ipp]
advertise = false

[devices]
allow_loopback = true
`

// demoPlace makes the demo's folder and configuration, unless they are there.
func demoPlace(dir string, lpd, ipp, web *opt[string]) (place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	file := filepath.Join(dir, "node.toml")
	p := place{}
	p.cfg.Listen = config.Listen{LPD: "127.0.0.1:5515", IPP: "127.0.0.1:5631", Web: "127.0.0.1:5443"}
	_, statErr := os.Stat(file)
	if statErr == nil {
		if p, err = (where{dir: dir}).find(); err != nil {
			return p, err
		}
		if p.cfg.Listen.IPP == config.Default().Listen.IPP { // of a demo from before there was IPP
			p.cfg.Listen.IPP, p.cfg.IPP.Advertise = "127.0.0.1:5631", false
		}
	}
	lpd.apply(&p.cfg.Listen.LPD)
	ipp.apply(&p.cfg.Listen.IPP)
	web.apply(&p.cfg.Listen.Web)
	for _, l := range p.cfg.Listen.Old {
		if err := mustBeLoopback(l.Address); err != nil {
			return p, err
		}
	}
	if err := errors.Join(mustBeLoopback(p.cfg.Listen.LPD), mustBeLoopback(p.cfg.Listen.IPP), mustBeLoopback(p.cfg.Listen.Web)); err != nil || statErr == nil {
		return p, err
	}
	if err := fsys.MkdirPrivate(dir); err != nil {
		return p, err
	}
	if err := fsys.WriteFile(file, fmt.Appendf(nil, demoConfig, p.cfg.Listen.LPD, p.cfg.Listen.IPP, p.cfg.Listen.Web)); err != nil {
		return p, err
	}
	return where{dir: dir}.find()
}

func mustBeLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usagef("%q is not ADDRESS:PORT", addr)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return usagef("the demo listens on loopback only, such as 127.0.0.1:5515, because everybody knows its passwords")
	}
	return nil
}

// demoPeople are the people that the outside face promises.
var demoPeople = []struct{ login, name, password, pin, card string }{
	{"anna", "Anna Example", "anna", "246810", "04A1B2C3D4"},
	{"ben", "Ben Example", "ben", "135790", "04E5F60718"},
}

// demoFile is DIR/demo.json.
type demoFile struct {
	CA       string `json:"ca_file"`
	LPD      string `json:"lpd"`          // host:port
	Secure   string `json:"lpd_secure"`   // URL of the queue that holds
	Direct   string `json:"lpd_direct"`   // URL of the queue that prints at once
	IPP      string `json:"ipp"`          // URL of the queue that holds, driverless
	IPPS     string `json:"ipps"`         // the same over TLS
	IPPNow   string `json:"ipp_direct"`   // URL of the queue that prints at once
	Web      string `json:"web"`          // URL of people's and administrators' pages
	Terminal string `json:"terminal"`     // URL of the terminal's pages
	API      string `json:"terminal_api"` // URL of the terminal API
	Token    string `json:"terminal_token"`
	Header   string `json:"header_file"` // holds the token as a header, for curl -H @FILE
	Browser  string `json:"browser"`     // URL to open once in a browser: it becomes the terminal panel
	Printed  string `json:"printed"`     // folder of what was printed
	Document string `json:"document"`    // something to print
}

// demo sets the demo up where it is not yet, and says what to try.
func (n *node) demo(ctx context.Context, out io.Writer) error {
	dir := n.place.cfg.Data
	file := filepath.Join(dir, "demo.json")
	var f demoFile
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if first := err != nil; first {
		if f, err = n.furnish(ctx, dir); err != nil {
			return fmt.Errorf("setting up the demo: %w", err)
		}
	}
	if err := n.demoMoved(ctx, &f, dir); err != nil {
		return err
	}
	f.at(n.lpd.addr(), n.ipp.addr(), n.web.addr(), n.place.ca())
	if b, err = json.MarshalIndent(f, "", "  "); err != nil {
		return err
	}
	if err := fsys.WriteFile(file, append(b, '\n')); err != nil {
		return err
	}
	return f.tell(out)
}

// demoMoved follows a folder that was moved or copied to another place.
func (n *node) demoMoved(ctx context.Context, f *demoFile, dir string) error {
	printed := filepath.Join(dir, "printed")
	if f.Printed == printed {
		return nil
	}
	f.Printed, f.Document, f.Header = printed, filepath.Join(dir, "letter.pdf"), filepath.Join(dir, "token.header")
	if err := os.MkdirAll(printed, 0o700); err != nil {
		return err
	}
	_, err := n.admin("the demo").demoDevice(ctx, printed)
	return err
}

// at fills in where things are in this run.
func (f *demoFile) at(lpd, ipp, web, ca string) {
	f.IPP, f.IPPS, f.IPPNow = "ipp://"+ipp+"/ipp/print/secure", "ipps://"+ipp+"/ipp/print/secure", "ipp://"+ipp+"/ipp/print/direct"
	f.CA, f.LPD, f.Web = ca, lpd, "https://"+web+"/"
	f.Secure, f.Direct = "lpd://"+lpd+"/secure", "lpd://"+lpd+"/direct"
	f.Terminal, f.API = f.Web+"t/demo/", f.Web+"api/terminal/v1"
	if u, err := url.Parse(f.Browser); err == nil {
		u.Host = web
		f.Browser = u.String()
	}
}

// furnish adds people, device, queues and terminals. It may have been
// interrupted before: what is there stays.
func (n *node) furnish(ctx context.Context, dir string) (demoFile, error) {
	a := n.admin("the demo")
	f := demoFile{Printed: filepath.Join(dir, "printed"), Document: filepath.Join(dir, "letter.pdf"), Header: filepath.Join(dir, "token.header")}
	if err := os.MkdirAll(f.Printed, 0o700); err != nil {
		return f, err
	}
	for _, p := range demoPeople {
		if err := a.demoPerson(ctx, p.login, p.name, p.password, p.pin, p.card); err != nil {
			return f, err
		}
	}
	d, err := a.demoDevice(ctx, f.Printed)
	if err != nil {
		return f, err
	}
	if err := a.demoQueues(ctx, d); err != nil {
		return f, err
	}
	terminal, err := a.demoTerminal(ctx, "demo", d)
	if err != nil {
		return f, err
	}
	panel, err := a.demoTerminal(ctx, "panel", d)
	if err != nil {
		return f, err
	}
	if f.Token, err = a.desk.NewToken(ctx, a.actor, terminal.ID); err != nil {
		return f, err
	}
	secret, err := a.desk.NewEnrolment(ctx, a.actor, panel.ID)
	if err != nil {
		return f, err
	}
	f.Browser = "https://host/t/panel/enrol?secret=" + url.QueryEscape(secret)
	return f, errors.Join(fsys.WriteFile(f.Document, demoLetter()), fsys.WriteFile(f.Header, []byte("Authorization: Bearer "+f.Token+"\n")))
}

func (a *admin) demoPerson(ctx context.Context, login, name, password, pin, card string) error {
	u, err := a.scope.UserByLogin(ctx, login)
	if fault.Is(err, fault.NotFound) {
		u = directory.User{ID: job.NewUUID(), Login: login, FullName: name, Enabled: true, Source: "local", Rights: []directory.Right{directory.Release}, Created: a.now().UTC()}
		err = a.scope.PutUser(ctx, u)
	}
	if err != nil {
		return err
	}
	s := directory.Secrets{}
	if s.Password, err = directory.HashSecret(password); err != nil {
		return err
	}
	if err := a.putPIN(&s, pin); err != nil {
		return err
	}
	if err := a.scope.SetSecrets(ctx, u.ID, s); err != nil {
		return err
	}
	cards, err := a.scope.Cards(ctx, u.ID)
	if err != nil || len(cards) > 0 {
		return err
	}
	k, err := a.newCard(u.ID, card, "demo")
	if err != nil {
		return err
	}
	return a.scope.PutCard(ctx, k)
}

func (a *admin) demoDevice(ctx context.Context, printed string) (site.Device, error) {
	uri := (&url.URL{Scheme: "folder", Path: filepath.ToSlash(printed)}).String()
	d, err := a.scope.DeviceByName(ctx, "folder")
	switch {
	case err == nil && (d.URI == uri || !strings.HasPrefix(d.URI, "folder:") || path.Base(d.URI) != "printed"):
		return d, nil // as it was, or as an administrator wants it
	case err == nil:
		d.URI = uri
	case fault.Is(err, fault.NotFound):
		d = site.Device{ID: job.NewUUID(), Name: "folder", Model: "a folder", Location: "on this computer", Enabled: true, URI: uri}
	default:
		return d, err
	}
	if err := a.checkDevice(d); err != nil {
		return d, err
	}
	return d, a.scope.PutDevice(ctx, d)
}

func (a *admin) demoQueues(ctx context.Context, d site.Device) error {
	for _, name := range []string{"secure", "direct"} {
		if _, err := a.scope.QueueByName(ctx, name); !fault.Is(err, fault.NotFound) {
			if err != nil {
				return err
			}
			continue
		}
		q := newQueue(name)
		q.Info = "held until its owner comes"
		if name == "direct" {
			q.Mode, q.Device, q.Info = site.Passthrough, d.ID, "printed at once"
		}
		if err := a.scope.PutQueue(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (a *admin) demoTerminal(ctx context.Context, name string, d site.Device) (site.Terminal, error) {
	t, err := a.scope.TerminalByName(ctx, name)
	if !fault.Is(err, fault.NotFound) {
		return t, err
	}
	t = site.Terminal{ID: job.NewUUID(), Name: name, Device: d.ID, PINOnly: true, RecallAfter: site.DefaultRecallAfter}
	return t, a.scope.PutTerminal(ctx, t)
}

// tell prints three lines to copy into another shell, and what else there is.
func (f *demoFile) tell(out io.Writer) error {
	program, err := os.Executable()
	if err != nil {
		program = "platen"
	}
	curl := "curl -sS --cacert " + quote(f.CA) + " -H @" + quote(f.Header) + " -H 'Content-Type: application/json'"
	_, err = fmt.Fprintf(out, `Platen is running on this computer only. In another shell, print a document, sign in with a card, release it:

%s send --to %s --user anna %s
SESSION=$(%s -d '{"method":"card","value":"04A1B2C3D4"}' %s/sessions | sed -n 's/.*"session": *"\([^"]*\)".*/\1/p')
%s -d '{"jobs":"all"}' %s/sessions/"$SESSION"/release

What comes out is in %s. A session ends 45 seconds after the last touch.
As a person does it: open this address once in a browser, then use PIN 246810, or anna and anna:
%s
Without a driver, from any system: %s is the queue, and %sprint says how to add it.
Everything else: %s job list --dir %s
Stop it with Ctrl-C; the next start keeps what is there.
`, quote(program), f.Secure, quote(f.Document), curl, f.API, curl, f.API, f.Printed, f.Browser, f.IPP, f.Web, quote(program), quote(filepath.Dir(f.Document)))
	return err
}

// quote makes a word safe to paste into a shell, and leaves a harmless one as
// it is.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
