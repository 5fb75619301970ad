package ui

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"platen/fault"
	"platen/internal/crowd"
	"platen/setup"
	"platen/site"
)

// system is a kind of client that the page tells apart.
type system struct{ code, name string }

// systems are in the order in which people have them. Names are their makers', and
// the last is no system but what every one of them once had.
var systems = []system{
	{"windows", "Windows"}, {"macos", "macOS"}, {"ios", "iPhone, iPad"}, {"android", "Android"},
	{"chromeos", "ChromeOS"}, {"linux", "Linux"}, {"lpr", "LPR"},
}

// systemOf tells the visitor's system by what the browser says of itself, "" when that
// says nothing of one. An iPad says that it is a Mac; what a Mac does is right for it
// too.
func systemOf(agent string) string {
	for _, x := range [][2]string{
		{"iPhone", "ios"}, {"iPad", "ios"}, {"Android", "android"}, {"CrOS", "chromeos"}, {"Windows", "windows"},
		{"Macintosh", "macos"}, {"Linux", "linux"}, {"X11", "linux"},
	} {
		if strings.Contains(agent, x[0]) {
			return x[1]
		}
	}
	return ""
}

// setUp is the page that says how to add the queues.
type setUp struct {
	sheet
	Node     setup.Node
	Queues   []setup.Queue
	Sections []systemPart
	CA       bool
	Trust    bool // there is a page that says how to trust it
	Mine     bool // people may have addresses of their own
	Secret   bool // this is one
	Identity bool // a queue wants more than a user name
	Known    bool // the visitor's system is
	Query    string
}

// systemPart is one system on the page.
type systemPart struct {
	setUp
	Code, Name string
	Here       bool // the visitor's
	URL        string
}

// oneQueue is a queue of the page.
type oneQueue struct {
	setUp
	At setup.Queue
}

// With lets a template speak of one queue.
func (p setUp) With(q setup.Queue) oneQueue { return oneQueue{p, q} }

// Profile is where the profile of a queue is.
func (p setUp) Profile(q setup.Queue) string {
	if q.Secret != "" {
		return setUpPath(q.Name, q.Secret) + "/profile.mobileconfig"
	}
	return "/print/" + url.PathEscape(q.Name) + ".mobileconfig"
}

// setUpPage tells everybody how to print here.
func (s *Server) setUpPage(v *visit) error {
	queues, _, err := s.shownQueues(v.ctx())
	if err != nil {
		return err
	}
	p := setUp{sheet: v.sheet("Add a printer"), Node: s.clientNode(v)}
	for _, q := range queues {
		p.Queues = append(p.Queues, setup.Of(p.Node, q))
		p.Identity = p.Identity || q.IPP.RequireIdentity
	}
	p.Mine = s.allowPersonal(v.ctx()) == nil
	return s.renderSetUp(v, p)
}

// ownSetUpPage tells the same of a personal address, to whoever has it.
func (s *Server) ownSetUpPage(v *visit) error {
	at := s.heldAddress(v)
	return s.renderSetUp(v, setUp{sheet: v.sheet("Add a printer"), Node: at.Node, Queues: []setup.Queue{at}, Secret: true})
}

func (s *Server) renderSetUp(v *visit, p setUp) error {
	p.CA, p.Trust, p.Query = s.CAPEM != nil, s.Certs != nil, v.langQuery()
	here := systemOf(v.r.UserAgent())
	if asked := v.r.URL.Query().Get("for"); slices.ContainsFunc(systems, func(x system) bool { return x.code == asked }) {
		here = asked
	}
	for i := range p.Languages {
		if here != "" {
			p.Languages[i].URL += "&for=" + here
		}
	}
	p.Known = here != ""
	var first, rest []systemPart
	for _, x := range systems {
		if x.code == "lpr" && (p.Secret || p.Node.LPD == 0) || x.code != "lpr" && p.Node.IPP == 0 {
			continue
		}
		query := url.Values{"for": {x.code}}
		if lang := v.r.URL.Query().Get("lang"); lang != "" && p.Query != "" {
			query.Set("lang", lang)
		}
		sec := systemPart{p, x.code, x.name, x.code == here, v.r.URL.EscapedPath() + "?" + query.Encode()}
		if sec.Here {
			first = append(first, sec)
		} else {
			rest = append(rest, sec)
		}
	}
	p.Sections = slices.Concat(first, rest)
	return v.render(http.StatusOK, "setup.html", p)
}

// profile is a queue for Apple's systems.
func (s *Server) profile(v *visit) error {
	q, err := s.shownQueue(v.ctx(), v.path("queue"))
	if err != nil {
		return err
	}
	return s.sendProfile(v, setup.Of(s.clientNode(v), q))
}

// ownProfile is a personal address for Apple's systems.
func (s *Server) ownProfile(v *visit) error {
	return s.sendProfile(v, s.heldAddress(v))
}

func (s *Server) sendProfile(v *visit, q setup.Queue) error {
	var b bytes.Buffer
	if err := (setup.Deployment{Node: q.Node, Queues: []setup.Queue{q}}).Profile(&b); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/x-apple-aspen-config")
	v.w.Header().Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": q.Name + ".mobileconfig"}))
	_, err := v.w.Write(b.Bytes())
	return gone(err)
}

// admitHolder wants a personal address in the path that is good. Who guesses is
// not told which part was wrong.
func (s *Server) admitHolder(v *visit) error {
	err := s.allowPersonal(v.ctx())
	if err == nil {
		v.queue, err = s.anyQueue(v.ctx(), v.path("queue"))
	}
	if err == nil {
		err = s.Personal.Valid(v.ctx(), v.path("secret"), v.queue.ID)
	}
	if fault.Is(err, fault.NotFound) {
		return &fault.Error{Op: "ui.holder", Kind: fault.NotFound, Text: "This address is not good any longer. Please make a new one.", Err: err}
	}
	return err
}

// heldAddress is the personal address in the path.
func (s *Server) heldAddress(v *visit) setup.Queue {
	at := setup.Of(s.clientNode(v), v.queue)
	at.Secret = v.path("secret")
	return at
}

// shownQueues are those that people may be told of, and the id of the one that is
// meant when nobody says which.
func (s *Server) shownQueues(ctx context.Context) (list []site.Queue, preferred string, err error) {
	if s.Site == nil {
		return nil, "", nil
	}
	all, err := s.Site.Queues(ctx)
	if err != nil {
		return nil, "", err
	}
	set, err := s.Site.Settings(ctx)
	if err != nil {
		return nil, "", err
	}
	list = slices.DeleteFunc(slices.Clone(all), func(q site.Queue) bool { return !q.AcceptJobs || q.IPP.Hidden })
	q, _ := site.DefaultQueue(list, set)
	slices.SortStableFunc(list, func(a, b site.Queue) int { // the one that most people want
		switch q.ID {
		case b.ID:
			return 1
		case a.ID:
			return -1
		}
		return 0
	})
	return list, q.ID, nil
}

var errNoQueue = &fault.Error{Op: "ui.queue", Kind: fault.NotFound, Text: "There is no such queue."}

func (s *Server) shownQueue(ctx context.Context, name string) (site.Queue, error) {
	list, _, err := s.shownQueues(ctx)
	return queueNamed(list, name, err)
}

// anyQueue also finds a hidden one: who has its address knows it already.
func (s *Server) anyQueue(ctx context.Context, name string) (site.Queue, error) {
	list, err := s.Site.Queues(ctx)
	return queueNamed(list, name, err)
}

func queueNamed(list []site.Queue, name string, err error) (site.Queue, error) {
	if err != nil {
		return site.Queue{}, err
	}
	for _, q := range list {
		if site.FoldName(q.Name) == site.FoldName(name) {
			return q, nil
		}
	}
	return site.Queue{}, errNoQueue
}

// clientNode is how this browser's system reaches the node: by the name that the
// administrator gave it, else by the one that the browser used.
func (s *Server) clientNode(v *visit) setup.Node {
	n := setup.Node{Host: crowd.HostOf(v.r.Host), IPP: portNumber(s.IPP), LPD: portNumber(s.LPD), Web: 443}
	if len(s.ClientNames) > 0 && !slices.ContainsFunc(s.ClientNames, func(name string) bool { return crowd.HostOf(name) == n.Host }) {
		n.Host = crowd.HostOf(s.ClientNames[0])
	}
	if _, port, err := net.SplitHostPort(v.r.Host); err == nil {
		n.Web, _ = strconv.Atoi(port)
	}
	return n
}

// ClientNames returns those of a node's names that clients may be given: names of
// hosts, not addresses and not patterns.
func ClientNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		_, err := netip.ParseAddr(strings.Trim(n, "[]"))
		return err == nil || strings.Contains(n, "*")
	})
}

// portNumber is the port of "host:port", 0 for none.
func portNumber(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

// langQuery keeps the language that was chosen on a page without a terminal, for
// its links and forms.
func (v *visit) langQuery() string {
	if lang := v.r.URL.Query().Get("lang"); v.s.Catalog.Find(lang) != nil {
		return "?" + url.Values{"lang": {lang}}.Encode()
	}
	return ""
}

func writePath(b *strings.Builder, x, y, n int) { fmt.Fprintf(b, "M%d %dh%dv1h-%dz", x, y, n, n) }
