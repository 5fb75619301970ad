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
	{"GET", trustPath, anyone, page, "what the built-in authority is, and how clients are made to trust it", (*Server).trustPage},
	{"GET", trustPath + "/{file}", anyone, page, "its certificate: platen-ca.pem, platen-ca.crt (DER), platen-ca.mobileconfig", (*Server).trustFile},

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

	{"GET", certsPath, administrator, page, "all certificates, and the forms to change them", (*Server).certs},
	{"GET", certsPath + "/chain/{chain}", administrator, page, "one chain, certificate by certificate; its key is never shown", (*Server).certChain},
	{"GET", certsPath + "/chain/{chain}/request", administrator, page, "the request of a chain for an authority (PKCS #10)", (*Server).certRequestFile},
	{"GET", certsPath + "/trusted/{authority}", administrator, page, "one trusted authority", (*Server).certTrusted},
	{"POST", certsPath + "/import", administrator, page, "import a chain with its key", (*Server).certImport},
	{"POST", certsPath + "/generate", administrator, page, "make a chain of the built-in authority", (*Server).certGenerate},
	{"POST", certsPath + "/request", administrator, page, "make a key, and a request for an authority", (*Server).certRequest},
	{"POST", certsPath + "/renew", administrator, page, "ask for the same again, with another key: an ACME server at once, others by a request", (*Server).certRenew},
	{"POST", certsPath + "/answer", administrator, page, "take what an authority answered", (*Server).certAnswer},
	{"POST", certsPath + "/choose", administrator, page, "show a chain for domains", (*Server).certChoose},
	{"POST", certsPath + "/remove", administrator, page, "remove a chain and its key, after asking once more", (*Server).certRemove},
	{"POST", certsPath + "/domain", administrator, page, "add a domain", (*Server).certDomain},
	{"POST", certsPath + "/domain-remove", administrator, page, "remove a domain, after asking once more", (*Server).certDomainRemove},
	{"POST", certsPath + "/trust", administrator, page, "trust the authorities in a file for some purposes", (*Server).certTrust},
	{"POST", certsPath + "/distrust", administrator, page, "trust an authority no longer, after asking once more", (*Server).certDistrust},
	{"POST", certsPath + "/test", administrator, page, "connect somewhere, and show the chain that was seen", (*Server).certTest},
	{"POST", certsPath + "/signing-generate", administrator, page, "make a new chain that signs API tokens", (*Server).certSigningGenerate},
	{"POST", certsPath + "/signing", administrator, page, "choose the chain that signs API tokens, or none after asking once more", (*Server).certSigning},
	{"POST", certsPath + "/authority", administrator, page, "make a new built-in authority, after asking once more", (*Server).certAuthority},

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
	{"GET", apiCerts, administrator, data, "all certificates: chains and trusted authorities", (*Server).apiCerts},
	{"POST", apiCerts + "/import", administrator, data, "import a chain with its key", (*Server).apiCertImport},
	{"POST", apiCerts + "/generate", administrator, data, "make a chain of the built-in authority", (*Server).apiCertGenerate},
	{"POST", apiCerts + "/request", administrator, data, "make a key, and a request for an authority", (*Server).apiCertRequest},
	{"POST", apiCerts + "/choose", administrator, data, "show a chain for domains", (*Server).apiCertChoose},
	{"GET", apiCerts + "/chains", administrator, data, "all chains, certificate by certificate, without keys", (*Server).apiChains},
	{"GET", apiCerts + "/chains/{chain}", administrator, data, "one chain", (*Server).apiChain},
	{"DELETE", apiCerts + "/chains/{chain}", administrator, data, "remove a chain and its key", (*Server).apiChainRemove},
	{"GET", apiCerts + "/chains/{chain}/request", administrator, data, "the request of a chain for an authority", (*Server).apiChainRequest},
	{"POST", apiCerts + "/chains/{chain}/renew", administrator, data, "ask for the same again, with another key: an ACME server at once, others by a request", (*Server).apiChainRenew},
	{"POST", apiCerts + "/chains/{chain}/answer", administrator, data, "take what an authority answered", (*Server).apiChainAnswer},
	{"GET", apiCerts + "/domains", administrator, data, "the domains of the account, and what is shown for them", (*Server).apiDomains},
	{"POST", apiCerts + "/domains", administrator, data, "add a domain", (*Server).apiDomainAdd},
	{"DELETE", apiCerts + "/domains/{domain}", administrator, data, "remove a domain", (*Server).apiDomainRemove},
	{"GET", apiCerts + "/trusted", administrator, data, "the authorities that the node trusts for connections to others", (*Server).apiTrusted},
	{"POST", apiCerts + "/trusted", administrator, data, "trust the authorities in a file for some purposes", (*Server).apiTrust},
	{"GET", apiCerts + "/trusted/{authority}", administrator, data, "one of them", (*Server).apiTrustedOne},
	{"DELETE", apiCerts + "/trusted/{authority}", administrator, data, "trust it no longer", (*Server).apiDistrust},
	{"POST", apiCerts + "/test", administrator, data, "connect somewhere, and tell the chain that was seen", (*Server).apiCertTest},
	{"GET", apiCerts + "/signing", administrator, data, "the chains that sign API tokens, or did", (*Server).apiSigning},
	{"POST", apiCerts + "/signing/generate", administrator, data, "make a new chain that signs API tokens", (*Server).apiSigningGenerate},
	{"POST", apiCerts + "/signing/choose", administrator, data, "choose the chain that signs API tokens, or none", (*Server).apiSigningChoose},
	{"GET", apiCerts + "/authority", administrator, data, "the built-in authority", (*Server).apiAuthority},
	{"POST", apiCerts + "/authority/generate", administrator, data, "make a new built-in authority", (*Server).apiAuthorityGenerate},
	{"POST", apiCerts + "/authority/sign", administrator, data, "let the built-in authority answer a request (PKCS #10)", (*Server).apiAuthoritySign},
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
	if strings.HasPrefix(r.path, trustPath) && s.Certs == nil {
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
		case strings.Contains(r.path, certsPath):
			return s.Members != nil && s.Certs != nil && s.CertWork != nil
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
