package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// role says who may use a route, and what proves it.
type role string

const (
	anyone   role = "anyone" // nothing is proved, nothing of a person is told
	secret   role = "enrolment secret"
	screen   role = "terminal page"        // the terminal's cookie
	person   role = "person"               // the terminal's cookie and the session's cookie
	box      role = "terminal"             // the terminal's bearer token
	boxed    role = "person at a terminal" // the terminal's bearer token, and the session in the path
	program  role = "program"              // an API token
	bringer  role = "bringer"              // the token of a machine that brings the people of a source
	monitors role = "monitor"              // an address from the list of monitors
	holder   role = "personal address"     // the secret of a personal address, in the path
	first    role = "one-time token"       // the token that this machine's administrator has printed

	// At a browser of one's own: the cookie of a session, and rights.
	member        role = "member"            // whoever is signed in
	helper        role = "helper"            // may help people
	reader        role = "reader of reports" // may read how everything is
	administrator role = "administrator"     // may change everything

	visitors role = "visitor program" // an API token for guests
)

// face says how a route shows an error.
type face int

const (
	page face = iota // a page for a person
	data             // JSON
	text             // one line
)

// route is one thing that can be asked for.
type route struct {
	method string
	path   string
	role   role
	face   face
	does   string
	handle func(*Server, *visit) error
}

// routes is all there is, in the order it is matched. Deny by default: a role
// must stand here for the route to exist.
var routes = []route{
	{"GET", "/", anyone, page, "what this node is and how to print to it", (*Server).landing},
	{"GET", "/assets/{file}", anyone, text, "style sheet and icon", (*Server).asset},
	{"GET", "/ca.pem", anyone, text, "the authority that clients should trust", (*Server).caFile},

	{"GET", "/print", anyone, page, "how to add the queues, for the visitor's system and all others", (*Server).setUpPage},
	{"GET", "/print/mine", member, page, "a person's own addresses to print to", (*Server).mine},
	{"POST", "/print/mine/add", member, page, "make an address, which is shown this once", (*Server).mineAdd},
	{"POST", "/print/mine/remove", member, page, "make an address worthless", (*Server).mineRemove},
	{"GET", "/print/mine/delegations", member, page, "who may release a person's documents, and whose that person may", (*Server).trusts},
	{"POST", "/print/mine/delegations/{act:give|allow|end}", member, page, "let a colleague release one's documents, consent to it, end it", (*Server).changeTrusts},
	{"GET", "/print/{queue}.mobileconfig", anyone, page, "a queue as a profile for macOS, iOS and iPadOS", (*Server).profile},
	{"GET", "/print/{queue}/u/{secret}", holder, page, "how to add a personal address", (*Server).ownSetUpPage},
	{"GET", "/print/{queue}/u/{secret}/profile.mobileconfig", holder, page, "a personal address as a profile", (*Server).ownProfile},

	{"GET", "/sign-in", anyone, page, "sign in at a browser of one's own: with user name and password, or the way to another proof", (*Server).signIn},
	{"POST", "/sign-in", anyone, page, "sign in with user name and password", (*Server).signInPost},
	{"GET", "/sign-in/negotiate", anyone, page, "sign in with the ticket that the computer has (Kerberos)", (*Server).negotiate},
	{"GET", "/sign-in/oidc", anyone, page, "go to the OpenID Connect provider", (*Server).toProvider},
	{"GET", "/sign-in/oidc/callback", anyone, page, "come back from there", (*Server).fromProvider},
	{"POST", "/sign-out", member, page, "sign out", (*Server).signOut},
	{"GET", "/setup", first, page, "make the first administrator", (*Server).first},
	{"POST", "/setup", first, page, "make the first administrator, once", (*Server).firstPost},
	{"GET", "/me", member, page, "who one is here, and where one is signed in", (*Server).me},
	{"POST", "/me/end", member, page, "sign out one of one's own browsers", (*Server).endSession},
	{"GET", "/reception", helper, page, "make accounts of guests, and see which there are", (*Server).reception},
	{"POST", "/reception", helper, page, "make one, whose slip is shown this once", (*Server).receive},
	{"GET", "/cards/learn", helper, page, "find the rule that makes card numbers of what a reader sends", (*Server).learn},
	{"POST", "/cards/learn", helper, page, "find it, or wait for a card at a reader", (*Server).learnPost},
	{"POST", "/cards/learn/use", administrator, page, "set a rule for a reader or a terminal", (*Server).learnUse},
	{"POST", "/reception/{act:extend|end}", helper, page, "give a guest another day, or end the account", (*Server).changeGuest},

	{"GET", "/t/{terminal}", anyone, page, "the way to the terminal's pages", (*Server).toTerminal},
	{"GET", "/t/{terminal}/enrol", secret, page, "the first address of a terminal: secret for cookie", (*Server).enrol},
	{"GET", "/t/{terminal}/", screen, page, "idle screen: card, PIN, or another way to sign in", (*Server).idle},
	{"GET", "/t/{terminal}/sign-in", screen, page, "sign in with user name and password or PIN", (*Server).signInPage},
	{"POST", "/t/{terminal}/login", screen, page, "sign in", (*Server).login},
	{"POST", "/t/{terminal}/register", screen, page, "register an unknown card with a password", (*Server).register},
	{"GET", "/t/{terminal}/still", screen, page, "are you still there, and the end of a session", (*Server).still},
	{"GET", "/t/{terminal}/jobs", person, page, "the person's documents", (*Server).jobs},
	{"GET", "/t/{terminal}/jobs/{id:[0-9]+}", person, page, "one document, and what can be done with it", (*Server).job},
	{"POST", "/t/{terminal}/jobs/{act:act|release|delete|keep}", person, page, "release, delete, keep, print again, answer what is uncertain", (*Server).act},
	{"GET", "/t/{terminal}/releases/{release}", person, page, "how a release stands", (*Server).status},
	{"GET", "/t/{terminal}/unclaimed", person, page, "documents that nobody owns and that may be this person's, without their titles", (*Server).tray},
	{"POST", "/t/{terminal}/claim", person, page, "say that one of them is one's own, and once more to be sure", (*Server).claim},
	{"POST", "/t/{terminal}/consent", person, page, "allow or refuse that somebody releases one's documents", (*Server).consent},
	{"GET", "/t/{terminal}/glass", person, page, "documents of others, for people who may break glass", (*Server).glass},
	{"POST", "/t/{terminal}/glass", person, page, "find and release documents of others, with a reason", (*Server).breakGlass},
	{"POST", "/t/{terminal}/stay", person, page, "stay signed in", (*Server).stay},
	{"POST", "/t/{terminal}/logout", person, page, "sign out", (*Server).logout},

	{"POST", "/api/terminal/v1/sessions", box, data, "sign a person in", (*Server).apiSignIn},
	{"GET", "/api/terminal/v1/reader", box, data, "wait for a card at a reader beside the terminal", (*Server).apiReader},
	{"DELETE", "/api/terminal/v1/sessions/{session}", boxed, data, "sign out", (*Server).apiSignOut},
	{"GET", "/api/terminal/v1/sessions/{session}/jobs", boxed, data, "the person's documents", (*Server).apiJobs},
	{"GET", "/api/terminal/v1/sessions/{session}/unclaimed", boxed, data, "documents that nobody owns and that may be this person's, without their titles", (*Server).apiUnclaimed},
	{"POST", "/api/terminal/v1/sessions/{session}/claim", boxed, data, "say that one of them is the person's own", (*Server).apiClaim},
	{"POST", "/api/terminal/v1/sessions/{session}/release", boxed, data, "release documents", (*Server).apiRelease},
	{"GET", "/api/terminal/v1/releases/{release}", box, data, "how a release at this device stands", (*Server).apiStatus},
	{"POST", "/api/terminal/v1/devices/{device}/events", box, data, "report usage, counters or state of the device", (*Server).apiEvent},
	{"GET", "/api/terminal/v1/devices/{device}/policy", box, data, "what the terminal may offer", (*Server).apiPolicy},

	{"POST", "/api/v1/jobs", program, data, "print", (*Server).apiPrint},
	{"GET", "/api/v1/jobs/{id}", program, data, "how a job of this token stands", (*Server).apiJob},
	{"GET", "/api/v1/directory", bringer, data, "what is known of the token's source", (*Server).apiStand},
	{"POST", "/api/v1/directory", bringer, data, "bring the people of the token's source", (*Server).apiBring},
	{"GET", "/api/v1/me", member, data, "who one is here", (*Server).apiMe},
	{"GET", "/api/v1/readiness", reader, data, "how ready the house is for its people", (*Server).apiReadiness},
	{"POST", "/api/v1/guests", visitors, data, "make the account of a guest, whose secrets are told this once", (*Server).apiWelcome},
	{"GET", "/api/v1/guests", visitors, data, "the guests there are", (*Server).apiGuests},
	{"GET", "/api/v1/cards/places", helper, data, "readers and terminals, with their rules for card numbers", (*Server).apiPlaces},
	{"POST", "/api/v1/cards/learn", helper, data, "find the rules that make card numbers of what a reader sends", (*Server).apiLearn},
	{"POST", "/api/v1/cards/shown", helper, data, "wait for the next card at a reader or a terminal", (*Server).apiAwaitCard},
	{"PUT", "/api/v1/cards/rule", administrator, data, "set the rule of a reader or a terminal", (*Server).apiSetRule},
	{"GET", jwksPath, anyone, data, "the keys with which others check API tokens", (*Server).jwks},
	{"GET", "/api/openapi.json", anyone, data, "this API in OpenAPI 3.1", (*Server).openAPI},

	{"GET", "/healthz", anyone, data, "whether the process lives", (*Server).healthz},
	{"GET", "/readyz", anyone, data, "whether every part is ready", (*Server).readyz},
	{"GET", "/metrics", monitors, text, "numbers for Prometheus", (*Server).metrics},
}

// has reports whether the parts that a route needs are there.
func (s *Server) has(r route) bool {
	if strings.HasPrefix(r.path, signInPath) && s.Members == nil {
		return false
	}
	if r.path == jwksPath && s.JWKS == nil {
		return false
	}
	switch r.role {
	case secret, screen, person, box, boxed:
		return s.Desk != nil
	case holder:
		return s.Personal != nil && s.Site != nil
	case member, helper, reader, administrator, first:
		switch {
		case strings.HasPrefix(r.path, minePath):
			return s.Members != nil && s.Personal != nil && s.Site != nil
		case strings.HasPrefix(r.path, receptionPath):
			return s.Members != nil && s.Reception != nil
		case strings.Contains(r.path, cardsPath):
			return s.Members != nil && s.Cards != nil
		case strings.HasSuffix(r.path, "/readiness"):
			return s.Members != nil && s.Readiness != nil
		}
		return s.Members != nil
	case visitors:
		return s.Reception != nil
	case program:
		return s.Intake != nil && s.Jobs != nil && s.Tokens != nil
	case bringer:
		return s.Bringers != nil
	}
	return true
}

// Handler returns the node's HTTPS side as a handler, for Serve and for tests.
func (s *Server) Handler() (http.Handler, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	m := mux.NewRouter()
	for _, r := range routes {
		if !s.has(r) {
			continue
		}
		methods := []string{r.method}
		if r.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		m.Handle(r.path, s.route(r)).Methods(methods...)
	}
	m.NotFoundHandler = s.route(route{path: "404", role: anyone, face: page, handle: (*Server).notFound})
	m.MethodNotAllowedHandler = s.route(route{path: "405", role: anyone, face: page, handle: (*Server).notAllowed})
	return s.guard(m), nil
}

// allowed returns the methods that a path takes, for the Allow header.
func allowed(path string) []string {
	var list []string
	for _, r := range routes {
		m := mux.NewRouter()
		m.NewRoute().Path(r.path)
		req := &http.Request{Method: r.method, URL: parsePath(path)}
		if m.Match(req, &mux.RouteMatch{}) && !slices.Contains(list, r.method) {
			list = append(list, r.method)
		}
	}
	return list
}
