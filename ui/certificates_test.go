package ui

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"platen/pki"
)

// What the page says of the authority, and its certificate in every form.
func TestTrustPage(t *testing.T) {
	h := newHouse(t)
	root := h.server.Certs.Root()
	for agent, first := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)": "Windows", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)": "macOS", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)": "iPhone, iPad",
		"Mozilla/5.0 (Linux; Android 15)": "Android", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)": "Chrome, ChromeOS", "Mozilla/5.0 (X11; Linux x86_64)": "Linux",
	} {
		p := h.do(h.request("GET", trustPath, nil, map[string]string{"User-Agent": agent}))
		p.wants(t, 200, "", `<div class="card here"><h2>`+first+`</h2>`, pki.DescribeCert(root, time.Now()).SHA256, "It is for tests, or for devices that you manage.")
		p.lacks(t, "Nothing needs to be installed")
	}
	for _, from := range []string{"/", "/print"} {
		h.get(from).wants(t, 200, "", `href="/ca.pem"`, `href="`+trustPath)
	}
	for name, kind := range map[string]string{"platen-ca.pem": "application/x-x509-ca-cert", "platen-ca.crt": "application/x-x509-ca-cert", "platen-ca.mobileconfig": "application/x-apple-aspen-config"} {
		p := h.get(trustPath + "/" + name)
		p.wants(t, 200, "")
		b := []byte(p.body)
		switch {
		case strings.HasSuffix(name, ".pem"):
			block, _ := pem.Decode(b)
			b = block.Bytes
		case strings.HasSuffix(name, ".mobileconfig"):
			if !strings.Contains(p.body, "com.apple.security.root") || !strings.Contains(p.body, base64.StdEncoding.EncodeToString(root.Raw)) {
				t.Errorf("%s", p.body)
			}
			b = root.Raw
		}
		if !bytes.Equal(b, root.Raw) || p.header.Get("Content-Type") != kind || !strings.Contains(p.header.Get("Content-Disposition"), name) {
			t.Errorf("%s: %v", name, p.header)
		}
	}
	h.get(trustPath+"/platen-ca.key").wants(t, 404, "")
}

// Who asks for a domain with another authority's chain is told that nothing is needed.
func TestTrustPageOfADomainOfTheCompany(t *testing.T) {
	h := newHouse(t)
	h.company()
	h.get(trustPath).lacks(t, "Nothing needs to be installed") // by address
	p := h.do(h.request("GET", trustPath, nil, map[string]string{"Host": "print.example.com"}))
	p.wants(t, 200, "", "Nothing needs to be installed for print.example.com on devices of the company", "CN=Example Corp CA", "for devices that you manage")
}

// certForm is a form with files.
func (h *house) certForm(p pageGot, act string, fields url.Values, files map[string][]byte) pageGot {
	h.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if !fields.Has("key") {
		fields.Set("key", hiddenKey.FindStringSubmatch(p.body)[1])
	}
	for name, values := range fields {
		for _, v := range values {
			_ = w.WriteField(name, v)
		}
	}
	for name, data := range files {
		part, _ := w.CreateFormFile(name, name+".pfx")
		_, _ = part.Write(data)
	}
	_ = w.Close()
	return h.do(h.request("POST", certsPath+"/"+act, &b, map[string]string{"Content-Type": w.FormDataContentType(), "Origin": h.http.URL, "Sec-Fetch-Site": "same-origin"}))
}

// admins signs ada in at the page.
func (h *house) admins() pageGot {
	h.t.Helper()
	h.staff()
	return h.member("ada", "ada", certsPath)
}

func TestCertificatesAtThePage(t *testing.T) {
	h := newHouse(t)
	k := h.ownCerts()
	now := h.clock.Now()
	p := h.admins()
	p.wants(t, 200, certsPath, "For people&#39;s own devices, a chain of a public authority", "node", "everything else", "signs now")
	h.get("/me").wants(t, 200, "", `href="/certificates"`)

	h.postMine(p, certsPath+"/domain", url.Values{"domain": {"*.example.com"}}).wants(t, 400, "", "This is no DNS name: *.example.com.", `value="*.example.com"`)
	h.postMine(p, certsPath+"/domain", url.Values{"domain": {"print.example.com"}}).wants(t, 200, certsPath+"?did=domain", "The domain is added.")

	// Import: what rules refuse, with their names, and what they do not.
	bad := h.certForm(p, "import", url.Values{"name": {"web"}, "use": {"server"}, "password": {"pa55-canary"}}, map[string][]byte{"file": corpCA().file(now, -time.Minute, "print.example.com", "other.example.org")})
	bad.wants(t, 400, certsPath+"/import", "notice bad", "(san-domain)", "other.example.org", `name="name" type="text" maxlength="100" value="web"`, "<details open><summary>Import a chain")
	bad.lacks(t, "pa55-canary")
	h.certForm(p, "import", url.Values{"name": {"web"}}, nil).wants(t, 400, "", "Please choose a file.")
	h.certForm(p, "import", url.Values{"name": {"web"}}, map[string][]byte{"file": []byte("nothing")}).wants(t, 400, "", "neither PFX (PKCS #12) nor PEM")
	good := h.certForm(p, "import", url.Values{"name": {"web"}, "domain": {"print.example.com"}}, map[string][]byte{"file": corpCA().file(now, 90*24*time.Hour, "print.example.com")})
	good.wants(t, 200, h.chainURL("web")+"?did=import", "The chain is imported.", "From a company&#39;s authority", "CN=Example Corp CA", "Shown for", "ECDSA P-256")
	soon := h.certForm(p, "import", url.Values{"name": {"web"}}, map[string][]byte{"file": corpCA().file(now, 20*24*time.Hour, "print.example.com")})
	soon.wants(t, 200, certsPath+"/import", "The chain is imported.", "notice note", "(ends-soon)", "It ends in 20 days.")
	h.get(certsPath).wants(t, 200, "", "It ends in 20 days.")

	// A request, and its answer.
	waits := h.postMine(p, certsPath+"/request", url.Values{"name": {"asked"}, "names": {"print.example.com, test.example.com"}, "organization": {"Example"}})
	waits.wants(t, 200, h.chainURL("asked")+"?did=request", "BEGIN CERTIFICATE REQUEST", "Answer of the authority")
	file := h.get(h.chainURL("asked") + "/request")
	block, _ := pem.Decode([]byte(file.body))
	if block == nil || file.header.Get("Content-Type") != "application/pkcs10" || !strings.Contains(file.header.Get("Content-Disposition"), "asked.csr") {
		t.Fatalf("%v %s", file.header, file.body)
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || !slices.Equal(r.DNSNames, []string{"print.example.com", "test.example.com"}) || r.Subject.Organization[0] != "Example" {
		t.Fatalf("%v %v", r, err)
	}
	id := func(name string) url.Values { c, _ := k.Find(name); return url.Values{"chain": {c.ID}} }
	foreign := h.certForm(waits, "answer", id("asked"), map[string][]byte{"file": pemOf(corpCA().issue(&newKey().PublicKey, now, 90*24*time.Hour, "print.example.com"))})
	foreign.wants(t, 409, "", "they are for another key", "BEGIN CERTIFICATE REQUEST")
	h.certForm(waits, "answer", id("asked"), map[string][]byte{"file": append(pemOf(corpCA().issue(r.PublicKey, now, 90*24*time.Hour, "print.example.com")), pemOf(corpCA().cert)...)}).
		wants(t, 200, h.chainURL("asked")+"?did=answer", "The answer is taken.", "Request it again", "Show it for")
	choose := id("asked")
	choose.Set("domain", "print.example.com")
	h.postMine(p, certsPath+"/choose", choose).wants(t, 200, h.chainURL("asked")+"?did=choose", "is shown from the next connection on")
	h.postMine(p, certsPath+"/choose", id("asked")).wants(t, 400, "", "Please choose a domain.")
	h.postMine(p, certsPath+"/renew", id("asked")).wants(t, 200, h.chainURL("asked (renewal)")+"?did=request", "BEGIN CERTIFICATE REQUEST")

	// One that is made here, and the node's own again.
	h.postMine(p, certsPath+"/generate", url.Values{"name": {"ours"}, "names": {"else.example.com"}}).wants(t, 404, "", "The account has no domain else.example.com.")
	h.postMine(p, certsPath+"/generate", url.Values{"name": {"ours"}, "names": {"*.print.example.com"}}).wants(t, 403, "", "The certificate authority may not vouch for this: *.print.example.com", `value="*.print.example.com"`)
	h.postMine(p, certsPath+"/generate", url.Values{"name": {"ours"}, "names": {" print.example.com, "}, "rsa": {"1"}}).wants(t, 200, h.chainURL("ours")+"?did=generate", "For tests or managed devices", "RSA 2048")
	node := id("node")
	node.Set("domain", "print.example.com")
	h.postMine(p, certsPath+"/choose", node).wants(t, 200, h.chainURL("node")+"?did=choose")
	if c, _ := k.ShownFor("print.example.com"); c.Name != "node" {
		t.Errorf("%s is shown", c.Name)
	}

	// What is asked once more.
	h.postMine(p, certsPath+"/choose", choose)
	h.postMine(p, certsPath+"/remove", id("asked")).wants(t, 200, certsPath+"/remove", "Remove this chain?", "asked", "These domains show the node&#39;s own chain again: print.example.com.")
	sure := id("asked")
	sure.Set("sure", "1")
	h.postMine(p, certsPath+"/remove", sure).wants(t, 200, certsPath+"?did=remove", "The chain and its key are removed.")
	h.postMine(p, certsPath+"/remove", url.Values{"chain": {"node"}, "sure": {"1"}}).wants(t, 409, "", "The node needs node.")

	// Trust.
	h.certForm(p, "trust", url.Values{}, map[string][]byte{"file": pemOf(corpCA().cert)}).wants(t, 400, "", "Say what the certificate is trusted for")
	h.certForm(p, "trust", url.Values{"purpose": {"directory", "mail"}}, map[string][]byte{"file": corpCA().cert.Raw}).wants(t, 200, certsPath+"?did=trust", "Example Corp CA", "directory, mail")
	at := k.Trusted()[0].ID
	h.get(certURL("trusted", at)).wants(t, 200, "", "Mail servers, over SMTP.", pki.DescribeCert(corpCA().cert, now).SHA256)
	h.postMine(p, certsPath+"/distrust", url.Values{"authority": {at}}).wants(t, 200, certsPath+"/distrust", "Trust this authority no longer?")
	h.postMine(p, certsPath+"/distrust", url.Values{"authority": {at}, "sure": {"1"}}).wants(t, 200, certsPath+"?did=distrust")

	// Signing.
	h.postMine(p, certsPath+"/signing-generate", url.Values{}).wants(t, 200, certsPath+"?did=signing-generate")
	h.postMine(p, certsPath+"/signing", url.Values{"chain": {"none"}}).wants(t, 200, certsPath+"/signing", "Let nothing sign API tokens?")
	h.postMine(p, certsPath+"/signing", url.Values{"chain": {"none"}, "sure": {"1"}}).wants(t, 200, certsPath+"?did=signing-none", "Nothing signs API tokens, so none can be made.")
	h.postMine(p, certsPath+"/signing", id("signing")).wants(t, 200, certsPath+"?did=signing", "signs now")

	h.postMine(p, certsPath+"/domain-remove", url.Values{"domain": {"print.example.com"}}).wants(t, 200, "", "Remove this domain?")
	h.postMine(p, certsPath+"/domain-remove", url.Values{"domain": {"print.example.com"}, "sure": {"1"}}).wants(t, 200, certsPath+"?did=domain-remove")
	root := k.Root()
	h.postMine(p, certsPath+"/authority", url.Values{}).wants(t, 200, "", "Make a new authority?", "must be given the new one")
	if !root.Equal(k.Root()) {
		t.Error("a new one was made before anybody was sure")
	}
	h.postMine(p, certsPath+"/authority", url.Values{"sure": {"1"}}).wants(t, 200, certsPath+"?did=authority", "There is a new authority.")
	if root.Equal(k.Root()) {
		t.Error("no new one was made")
	}
	want := []string{
		"adds print.example.com", "imports web for server print.example.com", "imports web for server ", "requests asked Example print.example.com test.example.com", "answers asked",
		"chooses for print.example.com", "renews asked (renewal)", "generates ours print.example.com", "chooses for print.example.com", "chooses for print.example.com", "removes asked",
		"trusts for directory mail", "distrusts", "makes what signs", "lets sign none", "lets sign " + id("signing").Get("chain"), "drops print.example.com", "makes an authority",
	}
	for i := range want {
		want[i] = "user ada " + want[i]
	}
	if got := h.worked(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if strings.Contains(h.log.String(), "pa55-canary") || strings.Contains(h.log.String(), "PRIVATE KEY") {
		t.Error("a secret is in the log")
	}
}

// The test of a connection shows what it saw: here, this very node.
func TestConnectionTestAtThePage(t *testing.T) {
	h := newHouse(t)
	h.ownCerts()
	p := h.admins()
	address := strings.TrimPrefix(h.http.URL, "https://")
	h.postMine(p, certsPath+"/test", url.Values{"address": {"https://" + address}, "purpose": {"storage"}}).
		wants(t, 200, certsPath+"/test", "notice bad", "The node would not trust this server.", "nothing that this node trusts", "TLS 1.3", "1. <bdi>", "Issued by")
	ch, _ := chain()
	h.certForm(p, "trust", url.Values{"purpose": {"storage"}, "name": {"that node"}}, map[string][]byte{"file": ch.CAPEM()}).wants(t, 200, certsPath+"?did=trust")
	h.postMine(p, certsPath+"/test", url.Values{"address": {"https://" + address}, "purpose": {"storage"}}).wants(t, 200, "", "notice good", "It is trusted.", "that node")
	h.postMine(p, certsPath+"/test", url.Values{"address": {"gopher://x"}}).wants(t, 400, "", "This is no address of a server.", `value="gopher://x"`)
}

// A57, A54: nobody but an administrator, and nothing without the key of the form.
func TestA57CertificatesWantTheRight(t *testing.T) {
	h := newHouse(t)
	h.company()
	file := map[string][]byte{"file": corpCA().file(h.clock.Now(), 90*24*time.Hour, "print.example.com")}
	for _, login := range []string{"anna", "rita", "sam"} {
		h.newBrowser()
		h.staff()
		mine := h.member(login, login, "/me")
		mine.lacks(t, certsPath)
		for _, got := range []pageGot{h.get(certsPath), h.get(h.chainURL("web")), h.get(h.chainURL("next") + "/request"), h.certForm(mine, "import", url.Values{"name": {"x"}}, file), h.postMine(mine, certsPath+"/remove", url.Values{"chain": {"web"}, "sure": {"1"}})} {
			got.wants(t, 403, "", "You do not have the right to do that.")
		}
	}
	h.newBrowser()
	p := h.admins()
	for _, act := range []string{"import", "answer", "trust"} {
		h.certForm(p, act, url.Values{"name": {"x"}, "key": {"guessed"}}, file).wants(t, 403, "", "not one of ours")
		h.certForm(p, act, url.Values{"name": {"x"}, "key": {""}}, file).wants(t, 403, "", "not one of ours")
	}
	// A form with files is read nowhere else.
	h.certForm(p, "../me/end", url.Values{"id": {"x"}}, nil)
	if got := h.worked(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// What is too large is read to its end and refused with a sentence; what is beyond all
// measure is not read.
func TestUploadsHaveLimits(t *testing.T) {
	h := newHouse(t)
	h.ownCerts()
	p := h.admins()
	large := func(n int) map[string][]byte { return map[string][]byte{"file": bytes.Repeat([]byte("A"), n)} }
	h.certForm(p, "import", url.Values{"name": {"web"}}, large(3<<20)).wants(t, 400, "", "The file is larger than 1024 KiB.", `value="web"`)
	h.certForm(p, "trust", url.Values{"purpose": {"mail"}}, large(1<<20+1)).wants(t, 400, "", "The file is larger than 1024 KiB.", `value="mail" checked`)
	h.certForm(p, "import", url.Values{"name": {strings.Repeat("n", 70<<10)}}, large(10)).wants(t, 413, "", "That was too much to read.")
	many := url.Values{}
	for range mostParts {
		many.Add("domain", "x")
	}
	h.certForm(p, "import", many, large(10)).wants(t, 400, "", "That could not be read.")
	r := h.request("POST", certsPath+"/import", io.LimitReader(endless{}, 20<<20), map[string]string{"Content-Type": "multipart/form-data; boundary=x", "Origin": h.http.URL})
	if resp, err := h.client.Do(r); err == nil { // or the connection was cut
		resp.Body.Close()
		if resp.StatusCode != 413 && resp.StatusCode != 400 {
			t.Errorf("got %d", resp.StatusCode)
		}
	}
	q, _ := h.call("POST", apiCerts+"/import", "root", `{"name":"x","data":"`+base64.StdEncoding.EncodeToString(make([]byte, 2<<20))+`"}`)
	q.wants(t, 413, "", `"reason":"too-large"`)
	q, _ = h.call("POST", apiCerts+"/generate", "root", `{"name":"`+strings.Repeat("x", 70<<10)+`"}`)
	q.wants(t, 413, "", `"reason":"too-large"`)
	if got := h.worked(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '-'
	}
	return len(p), nil
}

// What strangers write into certificates and names does not become part of the page.
func TestCertificatesShowTextAsText(t *testing.T) {
	h := newHouse(t)
	h.company()
	p := h.admins()
	got := h.certForm(p, "import", url.Values{"name": {`"><i>` + "\x00\u202e"}, "use": {`"><i>`}}, map[string][]byte{"file": corpCA().file(h.clock.Now(), 90*24*time.Hour, "print.example.com")})
	got.wants(t, 200, "", "&#34;&gt;&lt;i&gt;")
	got.lacks(t, `"><i>`, "\u202e")
	for _, act := range []string{"test", "domain", "generate", "request"} {
		got := h.postMine(p, certsPath+"/"+act, url.Values{"address": {`"><i>`}, "domain": {`"><i>`}, "name": {`"><i>`}, "names": {`"><i>`}, "organization": {`"><i>`}, "country": {`"><i>`}})
		if got.lacks(t, `"><i>`); got.status != 400 && got.status != 404 || !strings.Contains(got.body, "&#34;&gt;&lt;i&gt;") {
			t.Errorf("%s: %d %s", act, got.status, got.body)
		}
	}
}

func TestCertificatesByAPI(t *testing.T) {
	h := newHouse(t)
	k := h.ownCerts()
	now := h.clock.Now()
	b64 := base64.StdEncoding.EncodeToString
	ask := func(method, path, body string, status int) (pageGot, map[string]any) {
		t.Helper()
		p, m := h.call(method, apiCerts+path, "root", body)
		p.wants(t, status, "")
		if strings.Contains(p.body, "PRIVATE") {
			t.Errorf("%s %s tells a key: %s", method, path, p.body)
		}
		return p, m
	}
	p, _ := ask("GET", "", "", 200)
	p.wants(t, 200, "", `"name":"node","use":"server","from":"built-in"`, `"where":"everything else"`, `"where":"signs tokens"`)
	_, m := ask("POST", "/domains", `{"domain":"Print.Example.com"}`, 201)
	if m["domain"] != "print.example.com" || m["chain"] != "node" {
		t.Errorf("%v", m)
	}
	p, m = ask("POST", "/import", `{"name":"web","data":"`+b64(corpCA().file(now, -time.Minute, "print.example.com", "evil.example"))+`"}`, 400)
	if m["reason"] != "san-domain" || len(m["findings"].([]any)) < 2 || m["reference"] == "" {
		t.Errorf("%s", p.body)
	}
	p, m = ask("POST", "/import", `{"name":"web","domains":["print.example.com"],"data":"`+b64(corpCA().file(now, 90*24*time.Hour, "print.example.com"))+`"}`, 201)
	if m["vouched"] != "company" || m["from"] != "imported" || !strings.Contains(p.body, `"domains":["print.example.com"]`) || len(m["certificates"].([]any)) != 2 {
		t.Errorf("%s", p.body)
	}
	_, one := ask("GET", "/chains/web", "", 200)
	_, byID := ask("GET", "/chains/"+one["id"].(string), "", 200)
	if one["id"] != byID["id"] || one["name"] != "web" {
		t.Errorf("%v %v", one, byID)
	}
	p, _ = ask("GET", "/domains", "", 200)
	p.wants(t, 200, "", `[{"domain":"print.example.com","chain":"web"}]`)
	ask("DELETE", "/chains/web", "", 409)
	ask("DELETE", "/chains/web?insist=true", "", 204)
	ask("GET", "/chains/web", "", 404)

	_, m = ask("POST", "/request", `{"name":"asked","domains":["print.example.com"],"organization":"Example","country":"DE"}`, 201)
	block, _ := pem.Decode([]byte(m["request"].(string)))
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || r.Subject.Country[0] != "DE" {
		t.Fatalf("%v %v", r, err)
	}
	_, again := ask("GET", "/chains/asked/request", "", 200)
	if again["request"] != m["request"] {
		t.Error("the request is another one")
	}
	_, m = ask("POST", "/chains/asked/answer", `{"data":"`+b64(append(pemOf(corpCA().issue(r.PublicKey, now, 90*24*time.Hour, "print.example.com")), pemOf(corpCA().cert)...))+`"}`, 201)
	if m["awaited"] != false || m["vouched"] != "company" {
		t.Errorf("%v", m)
	}
	ask("POST", "/chains/asked/renew", "", 201)
	p, _ = ask("POST", "/choose", `{"chain":"asked","domains":["print.example.com"]}`, 200)
	p.wants(t, 200, "", `"chain":"asked"`)
	p, _ = ask("POST", "/choose", `{"chain":"node","domains":["print.example.com"]}`, 200)
	p.wants(t, 200, "", `"chain":"node"`)
	_, m = ask("POST", "/generate", `{"name":"ours","domains":["print.example.com"],"rsa":true}`, 201)
	if m["vouched"] != "built-in" {
		t.Errorf("%v", m)
	}

	p, _ = ask("POST", "/trusted", `{"data":"`+b64(corpCA().cert.Raw)+`","purposes":["directory"]}`, 201)
	p.wants(t, 201, "", `"name":"Example Corp CA","purposes":["directory"]`)
	ask("GET", "/trusted/Example%20Corp%20CA", "", 200)
	p, _ = ask("GET", "/trusted", "", 200)
	p.wants(t, 200, "", pki.DescribeCert(corpCA().cert, now).SHA256)
	_, m = ask("POST", "/test", `{"address":"`+strings.TrimPrefix(h.http.URL, "https://")+`","purpose":"mail"}`, 200)
	if m["good"] != false || m["anchor"] != nil || len(m["chain"].([]any)) != 2 {
		t.Errorf("%v", m)
	}
	ask("DELETE", "/trusted/Example%20Corp%20CA", "", 204)
	ask("DELETE", "/trusted/Example%20Corp%20CA", "", 404)

	ask("POST", "/signing/generate", "", 200)
	p, _ = ask("POST", "/signing/choose", `{"chain":"none"}`, 200)
	p.lacks(t, `"chosen":true`)
	p, _ = ask("POST", "/signing/choose", `{"chain":"signing"}`, 200)
	p.wants(t, 200, "", `"chosen":true`)
	ask("GET", "/signing", "", 200)

	root := k.Root()
	_, m = ask("GET", "/authority", "", 200)
	if m["use"] != "root" {
		t.Errorf("%v", m)
	}
	key := newKey()
	der, _ := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{DNSNames: []string{"print.example.com"}}, key)
	_, m = ask("POST", "/authority/sign", `{"data":"`+b64(der)+`"}`, 201)
	if block, _ := pem.Decode([]byte(m["certificates"].(string))); block == nil {
		t.Errorf("%v", m)
	}
	ask("POST", "/authority/generate", `{}`, 400)
	ask("POST", "/authority/generate", `{"sure":true}`, 200)
	if root.Equal(k.Root()) {
		t.Error("no new authority")
	}
	ask("DELETE", "/domains/print.example.com", "", 204)
	for i, w := range h.worked() {
		if !strings.HasPrefix(w, "token root ") {
			t.Errorf("%d: %s", i, w)
		}
	}

	for name, tt := range map[string]struct {
		method, path, token, body string
		status                    int
	}{
		"nobody":          {"GET", "", "", "", 401},
		"reports":         {"GET", "", "reports", "", 403},
		"support":         {"POST", "/import", "desk", `{}`, 403},
		"no name":         {"POST", "/import", "root", `{"data":"` + b64(corpCA().file(now, time.Hour, "x.example")) + `"}`, 400},
		"another use":     {"POST", "/import", "root", `{"name":"x","use":"root"}`, 400},
		"no base64":       {"POST", "/import", "root", `{"name":"x","data":"%%%"}`, 400},
		"unknown field":   {"POST", "/import", "root", `{"nom":"x"}`, 400},
		"no domains":      {"POST", "/generate", "root", `{"name":"x"}`, 400},
		"nothing chosen":  {"POST", "/choose", "root", `{"chain":"web"}`, 400},
		"no purposes":     {"POST", "/trusted", "root", `{"data":"` + b64(corpCA().cert.Raw) + `"}`, 400},
		"no such purpose": {"POST", "/test", "root", `{"address":"x:1","purpose":"fun"}`, 400},
		"no signer":       {"POST", "/signing/choose", "root", `{}`, 400},
		"the root":        {"DELETE", "/chains/root?insist=true", "root", "", 409},
		"no request":      {"GET", "/chains/node/request", "root", "", 404},
	} {
		if p, _ := h.call(tt.method, apiCerts+tt.path, tt.token, tt.body); p.status != tt.status {
			t.Errorf("%s: %d, want %d: %s", name, p.status, tt.status, p.body)
		}
	}
	h.admins()
	p = h.do(h.request("POST", apiCerts+"/domains", strings.NewReader(`{"domain":"x.example"}`), nil))
	p.wants(t, http.StatusForbidden, "", "not one of ours") // by cookie, and without the key
}

// Every answer about certificates has no key in it, whatever the key is.
func TestA66KeysAreNeverShown(t *testing.T) {
	h := newHouse(t)
	h.company()
	h.admins()
	var pages []string
	for _, c := range h.server.Certs.Chains() {
		pages = append(pages, certURL("chain", c.ID), apiCerts+"/chains/"+c.ID)
	}
	for _, path := range append(pages, certsPath, apiCerts, apiCerts+"/chains", apiCerts+"/signing", apiCerts+"/authority") {
		p := h.get(path)
		p.wants(t, 200, "")
		p.lacks(t, "PRIVATE KEY", "MIGHAgEAMBMGByqGSM49") // how a key of P-256 begins
	}
}

// Whatever is sent as a form with files, it is a page that answers.
func FuzzUpload(f *testing.F) {
	for _, s := range []string{
		"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nweb\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pfx\"\r\n\r\n0\x82\r\n--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--", "--x\r\n\r\n--x--", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=3", "--y--", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost"+certsPath+"/import", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		v := &visit{w: httptest.NewRecorder(), r: r}
		if err := v.readUpload(1 << 10); err != nil {
			return
		}
		kept := 0
		for _, values := range v.r.PostForm {
			for _, x := range values {
				kept += len(x)
			}
		}
		for _, b := range v.files {
			if kept += len(b); len(b) > mostUpload {
				t.Errorf("a file of %d octets", len(b))
			}
		}
		if kept > len(body) {
			t.Errorf("%d octets became %d", len(body), kept)
		}
	})
}

// The whole way in a browser without scripts: a domain, a file from the company, and
// that domain has it.
func TestCertificatesInABrowser(t *testing.T) {
	ctx := chromium(t)
	for _, l := range []string{"en", "de"} {
		for _, p := range append(slices.Clone(panels), phone) {
			t.Run(l+" "+p.name, func(t *testing.T) {
				panel(t, ctx, p.width, p.height)
				h := newHouse(t)
				k := h.ownCerts()
				h.staff()
				h.change(func() { h.desk.users["ada"].Language = l })
				say := func(en, de string) string { return map[string]string{"en": en, "de": de}[l] }
				dir := t.TempDir()
				file, big := filepath.Join(dir, "web.pem"), filepath.Join(dir, "big.pem")
				write(t, file, corpCA().file(h.clock.Now(), 90*24*time.Hour, "print.example.com"))
				write(t, big, bytes.Repeat([]byte("A"), 5<<20))
				run(t, ctx, "sign in", chromedp.Navigate(h.http.URL+"/me"), chromedp.WaitReady("#user"),
					chromedp.SendKeys("#user", "ada", chromedp.ByQuery), chromedp.SendKeys("#secret", "ada\r", chromedp.ByQuery))
				run(t, ctx, "the page", chromedp.WaitReady(`a[href^="/certificates"]`), chromedp.Click(`a[href^="/certificates"]`, chromedp.ByQuery), chromedp.WaitReady("#domain"))
				looks(t, ctx, "certificates-first-"+l+"-"+p.name)
				run(t, ctx, "a domain", chromedp.SendKeys("#domain", "print.example.com\r", chromedp.ByQuery))
				until(t, ctx, say("The domain is added.", "Die Domäne ist hinzugefügt."))
				open := chromedp.Click(`details:has(#import-file) summary`, chromedp.ByQuery)
				run(t, ctx, "too large", open, chromedp.SendKeys("#import-name", "web", chromedp.ByQuery), chromedp.SetUploadFiles("#import-file", []string{big}, chromedp.ByQuery), chromedp.Click(`form[action^="/certificates/import"] button`, chromedp.ByQuery))
				until(t, ctx, say("The file is larger than 1024 KiB.", "Die Datei ist größer als 1024 KiB."))
				looks(t, ctx, "certificates-refused-"+l+"-"+p.name)
				run(t, ctx, "import", chromedp.SetUploadFiles("#import-file", []string{file}, chromedp.ByQuery), chromedp.Click("#import-d0", chromedp.ByQuery), chromedp.Click(`form[action^="/certificates/import"] button`, chromedp.ByQuery))
				until(t, ctx, say("The chain is imported.", "Die Kette ist importiert."))
				looks(t, ctx, "certificate-imported-"+l+"-"+p.name)
				if c, _ := k.ShownFor("print.example.com"); c.Name != "web" {
					t.Errorf("%s is shown", c.Name)
				}
				run(t, ctx, "remove", chromedp.Click(`form[action^="/certificates/remove"] button`, chromedp.ByQuery))
				until(t, ctx, say("Remove this chain?", "Diese Kette entfernen?"))
				looks(t, ctx, "certificate-sure-"+l+"-"+p.name)
				run(t, ctx, "sure", chromedp.Click(`button.danger`, chromedp.ByQuery))
				until(t, ctx, say("The chain and its key are removed.", "Die Kette und ihr Schlüssel sind entfernt."))
				run(t, ctx, "test", chromedp.Click(`details:has(#address) summary`, chromedp.ByQuery), chromedp.SendKeys("#address", h.http.URL+"\r", chromedp.ByQuery))
				until(t, ctx, say("The node would not trust this server.", "Der Knoten würde diesem Server nicht vertrauen."))
				looks(t, ctx, "certificate-test-"+l+"-"+p.name)
			})
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
