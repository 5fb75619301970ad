package ippsrv

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/ipp"
	"platen/site"
)

// printer is a queue with what the devices behind it can do, as one request
// needs it.
type printer struct {
	*described
	q       *request
	state   int // printer-state
	reasons []string
	message string
}

// printer looks the devices of the request's queue up.
func (q *request) printer() (*printer, error) {
	all, err := q.s.Site.Devices(q.ctx)
	if err != nil {
		return nil, err
	}
	p := &printer{q: q, described: q.s.describe(&q.queue, all)}
	p.condition()
	return p, nil
}

func orDefault(list []string, d string) []string {
	if len(list) == 0 {
		return []string{d}
	}
	return list
}

// behind lists the devices that a queue's jobs may come out of.
func behind(q *site.Queue, all []site.Device) []site.Device {
	return slices.DeleteFunc(slices.Clone(all), func(d site.Device) bool {
		if q.Mode == site.Passthrough {
			return d.ID != q.Device
		}
		return !d.Enabled || len(q.IPP.Devices) > 0 && !slices.Contains(q.IPP.Devices, d.ID)
	})
}

// Printer states (RFC 8011, section 5.4.11).
const (
	printerIdle       = 3
	printerProcessing = 4
	printerStopped    = 5
)

// condition says how the queue is. A queue that holds is never stopped because a
// device is: its jobs wait for their owners anyway.
func (p *printer) condition() {
	p.state = printerIdle
	q := &p.q.queue
	switch {
	case q.IPP.Paused:
		p.state, p.reasons, p.message = printerStopped, []string{"paused"}, "The queue is paused."
	case q.Mode == site.Passthrough && len(p.devices) == 1:
		d := &p.devices[0]
		switch {
		case !d.Enabled:
			p.state, p.reasons, p.message = printerStopped, []string{"deactivated"}, "The device is out of service."
		case d.Status.State == "processing":
			p.state = printerProcessing
		case d.Status.State == "stopped":
			p.state, p.reasons, p.message = printerStopped, stateReasons(d), d.Status.Text
			if len(p.reasons) == 0 {
				p.reasons = []string{"other-error"}
			}
		default:
			p.reasons = stateReasons(d)
		}
	}
	if q.IPP.HoldNew {
		p.reasons = append(slices.Clone(p.reasons), "hold-new-jobs")
	}
	if len(p.reasons) == 0 {
		p.reasons = []string{"none"}
	}
}

// stateReasons are the keywords that a device has told.
func stateReasons(d *site.Device) []string {
	if d.Status.Reasons == "" {
		return nil
	}
	return strings.Split(d.Status.Reasons, ",")
}

// Formats that every queue takes: what a device cannot read is converted, or the
// terminal says beforehand that it cannot be printed there.
var queueFormats = []string{
	"application/pdf", "image/pwg-raster", "image/urf", "image/jpeg", "application/postscript", "application/vnd.hp-pcl",
	"application/octet-stream", "application/vnd.hp-pclxl", "application/oxps", "application/vnd.ms-xpsdocument", "text/plain",
}

// defaultFormat has Platen look what it is.
const defaultFormat = "application/octet-stream"

// The attributes of a printer, by the groups that can be asked for (RFC 8011,
// section 4.2.5.1).
const (
	description = "printer-description"
	template    = "job-template"
)

// attributes returns what is asked for, of all that there is: first what changes
// with time, then the rest, encoded.
func (p *printer) attributes() (list []goipp.Attribute, rest []byte, err error) {
	l, err := p.lasting(ipp.Texts(p.q.msg.Operation, "requested-attributes"))
	if err != nil {
		return nil, nil, err
	}
	b := builder{wanted: l.wanted, group: description}
	p.now(&b)
	return b.list, l.octets, nil
}

// describe adds what does not change with time.
func (p *printer) describe(b *builder) {
	b.group = description
	p.identity(b)
	p.endpoints(b)
	p.protocol(b)
	p.unchanging(b)
	p.formats(b)
	p.accounts(b)
	b.group = template
	p.template(b)
	p.mediaTemplate(b)
	p.finishing(b)
}

// builder collects the attributes that are wanted.
type builder struct {
	wanted wanted
	group  string
	list   []goipp.Attribute
}

func (b *builder) add(list ...goipp.Attribute) {
	for _, a := range list {
		if b.wanted.has(b.group, a.Name) {
			b.list = append(b.list, a)
		}
	}
}

// wanted is requested-attributes.
type wanted struct {
	all    bool
	groups map[string]bool
	names  map[string]bool
}

// onlyByName are told to nobody who has not asked for them by name (PWG 5100.7,
// section 6.3.2).
var onlyByName = map[string]bool{"media-col-database": true}

func wantedBy(m *goipp.Message, none ...string) wanted {
	list := ipp.Texts(m.Operation, "requested-attributes")
	w := wanted{groups: map[string]bool{}, names: map[string]bool{}}
	if len(list) == 0 {
		list = none
	}
	for _, x := range list {
		switch x {
		case "all":
			w.all = true
		case description, template, "job-description", "subscription-description", "subscription-template":
			w.groups[x] = true
		default:
			w.names[x] = true
		}
	}
	return w
}

func (w wanted) has(group, name string) bool {
	return w.names[name] || (w.all || w.groups[group]) && !onlyByName[name]
}

func (p *printer) identity(b *builder) {
	q := &p.q.queue
	info := cmp.Or(q.Info, q.Name)
	model := makeAndModel(&p.can)
	b.add(
		ipp.Name("printer-name", q.Name), ipp.URI("printer-uuid", "urn:uuid:"+printerUUID(q)),
		ipp.TextWithout("printer-make-and-model", model), ipp.TextWithout("printer-info", info),
		ipp.TextWithout("printer-location", q.IPP.Location), geo(q.IPP.Geo),
		ipp.TextWithout("printer-organization", q.IPP.Organization), ipp.TextWithout("printer-organizational-unit", q.IPP.Unit),
		ipp.Name("printer-dns-sd-name", InstanceName(*q)), ipp.Keyword("printer-kind", "document"),
		ipp.TextWithout("printer-device-id", p.deviceID(model)),
		ipp.Name("printer-firmware-name", "Platen"), ipp.TextWithout("printer-firmware-string-version", p.q.s.Version),
		ipp.OctetString("printer-firmware-version", p.q.s.Version), ipp.TextWithout("printer-firmware-patches", ""),
		ipp.TextWithout("mopria-certified", mopria), ipp.TextWithout("mopria_certified", mopria),
		ipp.URI("printer-more-info", p.moreInfo()), ipp.URI("printer-icons", p.iconURLs()...),
		ipp.Keyword("job-privacy-attributes", "job-name", "job-originating-user-name", "document-name"), ipp.Keyword("job-privacy-scope", "owner"),
		ipp.Keyword("subscription-privacy-attributes", "none"), ipp.Keyword("subscription-privacy-scope", "owner"),
		ipp.Keyword("document-privacy-attributes", "all"), ipp.Keyword("document-privacy-scope", "owner"),
	)
}

func geo(uri string) goipp.Attribute {
	if !strings.HasPrefix(uri, "geo:") {
		return ipp.Unknown("printer-geo-location")
	}
	return ipp.URI("printer-geo-location", uri)
}

// InstanceName is what a queue is called on the network and in lists of printers.
func InstanceName(q site.Queue) string { return q.Instance() }

// deviceID is an IEEE 1284 device ID.
func (p *printer) deviceID(model string) string {
	return "MFG:Platen;MDL:" + strings.NewReplacer(";", " ", ":", " ").Replace(strings.TrimPrefix(model, "Platen ")) + ";CMD:PDF,PWGRaster,AppleRaster,JPEG,URF,PCL,POSTSCRIPT;"
}

func (p *printer) moreInfo() string {
	if web := p.q.s.webURL(p.q.http); web != "" {
		return web + "print"
	}
	return p.httpBase() + "/"
}

// httpBase is where this port answers browsers.
func (p *printer) httpBase() string {
	return "http" + strings.TrimPrefix(p.q.base, "ipp")
}

func (p *printer) iconURLs() []string {
	urls := make([]string, len(iconSizes))
	for i, n := range iconSizes {
		urls[i] = p.httpBase() + iconPath(n)
	}
	return urls
}

// endpoint is one way to the printer.
type endpoint struct{ scheme, security, auth string }

// ways are those to the queue, the one that the client came by first. A queue that
// wants to know who prints takes two proofs over TLS where certificates of people
// count, and so its address stands twice.
func (p *printer) ways() (list []endpoint) {
	who := "requesting-user-name"
	if p.q.queue.IPP.RequireIdentity && !p.q.hidden {
		who = "basic"
	}
	if p.q.s.TLS != nil {
		list = append(list, endpoint{"ipps", "tls", who})
	}
	if p.q.s.TLS != nil && who == "basic" && p.q.s.authorities(p.q.ctx) != nil {
		list = append(list, endpoint{"ipps", "tls", "certificate"})
	}
	if p.q.hidden {
		return list
	}
	plain := endpoint{"ipp", "none", who}
	if p.q.http.TLS == nil {
		return slices.Insert(list, 0, plain)
	}
	return append(list, plain)
}

// endpoints are three lists in step (RFC 8011, sections 5.4.1 to 5.4.3).
func (p *printer) endpoints(b *builder) {
	var uris, security, auth []string
	for _, w := range p.ways() {
		uris, security, auth = append(uris, w.scheme+"://"+p.q.hostPort()+p.q.path), append(security, w.security), append(auth, w.auth)
	}
	b.add(ipp.URI("printer-uri-supported", uris...), ipp.Keyword("uri-security-supported", security...),
		ipp.Keyword("uri-authentication-supported", auth...),
		ipp.Collection("printer-xri-supported", xris(uris, security, auth)...))
}

func xris(uris, security, auth []string) [][]goipp.Attribute {
	all := make([][]goipp.Attribute, len(uris))
	for i := range uris {
		all[i] = []goipp.Attribute{ipp.Keyword("xri-authentication", auth[i]), ipp.Keyword("xri-security", security[i]), ipp.URI("xri-uri", uris[i])}
	}
	return all
}

func (p *printer) protocol(b *builder) {
	b.add(
		ipp.Charset("charset-configured", "utf-8"), ipp.Charset("charset-supported", "utf-8", "us-ascii"),
		ipp.Language("natural-language-configured", "en"), ipp.Language("generated-natural-language-supported", "en"),
		ipp.Keyword("ipp-versions-supported", "1.0", "1.1", "2.0", "2.1", "2.2"),
		ipp.Enum("operations-supported", operationCodes()...),
		ipp.Keyword("ipp-features-supported", "ipp-everywhere", "ipp-everywhere-server", "ipp-everywhere-1.1", "subscription-object", "job-save", "page-overrides"),
		ipp.Keyword("compression-supported", "none", "gzip", "deflate"), ipp.Keyword("compression-default", "none"),
		ipp.Keyword("pdl-override-supported", "attempted"), ipp.Boolean("job-ids-supported", true),
		ipp.Keyword("job-creation-attributes-supported", creationAttributes()...),
		ipp.Keyword("job-settable-attributes-supported", settable...),
		ipp.Keyword("printer-settable-attributes-supported", settableOfPrinter...),
		ipp.Keyword("printer-get-attributes-supported", "document-format"),
		ipp.Boolean("preferred-attributes-supported", false), ipp.Boolean("multiple-document-jobs-supported", true),
		ipp.Integer("multiple-operation-time-out", int(p.q.s.Limits.Operation/time.Second)),
		ipp.Keyword("multiple-operation-time-out-action", "process-job"),
		ipp.Keyword("which-jobs-supported", "completed", "not-completed", "all", "aborted", "canceled", "pending", "pending-held", "processing", "processing-stopped"),
		ipp.Keyword("identify-actions-default", "display"), ipp.Keyword("identify-actions-supported", "display"),
		ipp.Keyword("job-history-attributes-configured", "none"),
		ipp.Range("job-k-octets-supported", 0, maxKOctets(p.q.queue.MaxOctets)),
		ipp.Keyword("notify-pull-method-supported", "ippget"), ipp.Keyword("notify-events-supported", events...),
		ipp.Keyword("notify-events-default", "job-completed"), ipp.Integer("notify-max-events-supported", maxEvents),
		ipp.Range("notify-lease-duration-supported", 0, maxLease), ipp.Integer("notify-lease-duration-default", maxLease),
		ipp.Integer("ippget-event-life", int(eventLife/time.Second)), ipp.Keyword("notify-attributes-supported", notifyAttributes...),
	)
}

func maxKOctets(octets int64) int {
	const most = 1<<31 - 1
	if octets <= 0 || octets/1024 > most {
		return most
	}
	return int(octets / 1024)
}

func (p *printer) now(b *builder) {
	s := p.q.s
	now := s.Now()
	changed := s.hub.changedAt(p.q.queue.ID, s.start)
	b.add(
		ipp.Enum("printer-state", p.state), ipp.Keyword("printer-state-reasons", p.reasons...), ipp.TextWithout("printer-state-message", p.message),
		ipp.Integer("printer-state-change-time", s.uptime(changed)), ipp.DateTime("printer-state-change-date-time", changed),
		ipp.Integer("printer-up-time", s.uptime(now)), ipp.DateTime("printer-current-time", now),
		ipp.TextWithout("printer-alert-description", p.message),
	)
	if b.wanted.has(b.group, "queued-job-count") {
		if a, ok := p.waiting(); ok {
			b.add(a)
		}
	}
}

// unchanging are the attributes that other printers change.
func (p *printer) unchanging(b *builder) {
	s := p.q.s
	b.add(
		ipp.Integer("printer-config-change-time", s.uptime(s.start)), ipp.DateTime("printer-config-change-date-time", s.start),
		ipp.Integer("printer-config-changes", 1),
		ipp.Boolean("printer-is-accepting-jobs", p.q.queue.AcceptJobs),
		ipp.OctetString("printer-supply", supplies(p.can.Colour)...), strsText("printer-supply-description", colorants(p.can.Colour)),
		ipp.URI("printer-supply-info-uri", p.moreInfo()),
		ipp.OctetString("printer-alert", "code=unknown;severity=other;group=other"),
		ipp.TextWithout("printer-message-from-operator", ""),
	)
}

func colorants(colour bool) []string {
	if colour {
		return []string{"black", "cyan", "magenta", "yellow"}
	}
	return []string{"black"}
}

// supplies are there, but nobody has told the queue how full they are: level -2
// is "unknown" (PWG 5100.13, section 5.6.41, and RFC 3805).
func supplies(colour bool) []string {
	var list []string
	for i, c := range colorants(colour) {
		list = append(list, fmt.Sprintf("index=%d;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=-2;colorantname=%s;", i+1, c))
	}
	return list
}

func strsText(name string, values []string) goipp.Attribute {
	a := goipp.Attribute{Name: name}
	for _, v := range values {
		a.Values.Add(goipp.TagText, goipp.String(v))
	}
	return a
}

func mediaKeys(media []string) []string {
	keys := make([]string, len(media))
	for i, m := range media {
		keys[i] = m + "_auto_stationery"
	}
	return keys
}

// uptime is a time in printer-up-time's seconds, which begin with 1.
func (s *Server) uptime(t time.Time) int { return max(1, int(t.Sub(s.start)/time.Second)+1) }

func (p *printer) formats(b *builder) {
	dpi := p.can.DPI
	raster := []string{"black_1", "sgray_8"}
	if p.can.Colour {
		raster = append(raster, "srgb_8", "adobe-rgb_8", "cmyk_8")
	}
	back := "normal"
	b.add(
		ipp.MIME("document-format-default", defaultFormat), ipp.MIME("document-format-supported", queueFormats...),
		ipp.MIME("document-format-preferred", "application/pdf"),
		ipp.Resolution("pwg-raster-document-resolution-supported", dpi...), ipp.Keyword("pwg-raster-document-type-supported", raster...),
		ipp.Keyword("pwg-raster-document-sheet-back", back), ipp.Keyword("urf-supported", urf(&p.can)...),
		ipp.Keyword("pdf-versions-supported", "adobe-1.3", "adobe-1.4", "adobe-1.5", "adobe-1.6", "adobe-1.7", "iso-32000-1_2008"),
		ipp.Range("pdf-k-octets-supported", 0, maxKOctets(p.q.queue.MaxOctets)),
		ipp.Keyword("jpeg-features-supported", "none"), ipp.Range("jpeg-k-octets-supported", 0, maxKOctets(p.q.queue.MaxOctets)),
		ipp.Range("jpeg-x-dimension-supported", 0, 65535), ipp.Range("jpeg-y-dimension-supported", 1, 65535),
		ipp.Integer("document-password-supported", 0),
		ipp.Charset("document-charset-supported", "utf-8", "us-ascii"), ipp.Charset("document-charset-default", "utf-8"),
		ipp.Language("document-natural-language-supported", "en"), ipp.Language("document-natural-language-default", "en"),
	)
}

func joinInts(list []int) string {
	var s []string
	for _, n := range list {
		s = append(s, strconv.Itoa(n))
	}
	return strings.Join(s, "-")
}

func (p *printer) accounts(b *builder) {
	b.add(
		ipp.Boolean("job-account-id-supported", true), ipp.NoValue("job-account-id-default"),
		ipp.Boolean("job-accounting-user-id-supported", true), ipp.NoValue("job-accounting-user-id-default"),
		ipp.Keyword("job-release-action-supported", "none", "owner-authorized"), ipp.Keyword("job-release-action-default", p.releaseAction()),
	)
	if p.q.http.TLS == nil { // a PIN does not travel in clear text, so it is not offered there
		return
	}
	b.add(
		ipp.Integer("job-password-supported", 255), ipp.Keyword("job-password-encryption-supported", passwordEncryptions...),
		ipp.Range("job-password-length-supported", 4, 255), ipp.Keyword("job-password-repertoire-configured", "iana_us-ascii_digits"),
		ipp.Keyword("job-password-repertoire-supported", "iana_us-ascii_digits"),
	)
}

func (p *printer) releaseAction() string {
	if p.q.queue.Mode == site.Hold {
		return "owner-authorized"
	}
	return "none"
}

// passwordEncryptions are those of PWG 5100.11 that are not broken, and none,
// which TLS makes bearable.
var passwordEncryptions = []string{"none", "sha2-256", "sha2-384", "sha2-512"}

func (p *printer) template(b *builder) {
	can := &p.can
	colours := []string{"auto", "monochrome"}
	if can.Colour {
		colours = append(colours, "color")
	}
	hold := "no-hold"
	if p.q.queue.IPP.HoldNew {
		hold = "indefinite"
	}
	b.add(
		ipp.Boolean("color-supported", can.Colour),
		ipp.Integer("copies-default", 1), ipp.Range("copies-supported", 1, can.Copies),
		ipp.Keyword("sides-default", "one-sided"), ipp.Keyword("sides-supported", can.Sides...),
		ipp.Keyword("print-color-mode-default", "auto"), ipp.Keyword("print-color-mode-supported", colours...),
		ipp.Keyword("print-content-optimize-default", "auto"), ipp.Keyword("print-content-optimize-supported", "auto", "graphics", "photo", "text", "text-and-graphics"),
		ipp.Keyword("print-rendering-intent-default", "auto"), ipp.Keyword("print-rendering-intent-supported", "auto", "perceptual", "relative", "saturation", "absolute"),
		ipp.Enum("print-quality-default", 4), ipp.Enum("print-quality-supported", 3, 4, 5),
		ipp.Keyword("print-scaling-default", "auto"), ipp.Keyword("print-scaling-supported", "auto", "auto-fit", "fill", "fit", "none"),
		ipp.Resolution("printer-resolution-default", can.DPI[len(can.DPI)-1]), ipp.Resolution("printer-resolution-supported", can.DPI...),
		ipp.Enum("orientation-requested-default", 3), ipp.Enum("orientation-requested-supported", 3, 4, 5, 6),
		ipp.Keyword("output-bin-default", can.Bins[0]), ipp.Keyword("output-bin-supported", can.Bins...),
		ipp.Boolean("page-ranges-supported", true), ipp.Keyword("overrides-supported", "document-number", "document-numbers", "pages"),
		ipp.Integer("number-up-default", 1), ipp.Integer("number-up-supported", 1, 2, 4, 6, 9, 16),
		ipp.Keyword("multiple-document-handling-default", "separate-documents-collated-copies"),
		ipp.Keyword("multiple-document-handling-supported", "separate-documents-uncollated-copies", "separate-documents-collated-copies"),
		ipp.Integer("job-priority-default", 50), ipp.Integer("job-priority-supported", 100),
		ipp.Keyword("job-hold-until-default", hold), ipp.Keyword("job-hold-until-supported", "no-hold", "indefinite"),
		ipp.Keyword("job-sheets-default", "none"), ipp.Keyword("job-sheets-supported", "none"),
	)
	if can.PPM > 0 {
		b.add(ipp.Integer("pages-per-minute", can.PPM))
	}
	if can.Colour && can.PPMColour > 0 {
		b.add(ipp.Integer("pages-per-minute-color", can.PPMColour))
	}
}

func (p *printer) mediaTemplate(b *builder) {
	can := &p.can
	ready := slices.DeleteFunc(slices.Clone(can.Ready), func(m string) bool { return !slices.Contains(p.media, m) })
	if len(ready) == 0 {
		ready = p.media[:1]
	}
	b.add(
		ipp.Keyword("media-default", ready[0]), ipp.Keyword("media-supported", p.media...), ipp.Keyword("media-ready", ready...),
		ipp.Integer("media-top-margin-supported", can.Margin), ipp.Integer("media-bottom-margin-supported", can.Margin),
		ipp.Integer("media-left-margin-supported", can.Margin), ipp.Integer("media-right-margin-supported", can.Margin),
		ipp.Keyword("media-key-supported", mediaKeys(p.media)...),
		ipp.Keyword("media-source-supported", can.Sources...), ipp.Keyword("media-type-supported", can.Types...),
		ipp.Keyword("media-col-supported", "media-bottom-margin", "media-key", "media-left-margin", "media-right-margin", "media-size",
			"media-size-name", "media-source", "media-top-margin", "media-type"),
	)
	for _, x := range []struct {
		name string
		make func() goipp.Attribute
	}{
		{"media-size-supported", func() goipp.Attribute { return mediaSizes(p.media) }},
		{"media-col-default", func() goipp.Attribute {
			return ipp.Collection("media-col-default", mediaCol(ready[0], can.Sources[0], "stationery", can.Margin))
		}},
		{"media-col-ready", func() goipp.Attribute { return ipp.Collection("media-col-ready", mediaReady(can, ready)...) }},
		{"media-col-database", func() goipp.Attribute {
			return ipp.Collection("media-col-database", mediaDatabase(can, p.media)...)
		}},
	} {
		if b.wanted.has(b.group, x.name) {
			b.list = append(b.list, x.make())
		}
	}
}

// finishingNames are the names of the registry for what offices have.
var finishingNames = map[int]string{
	3: "none", 4: "staple", 5: "punch", 6: "cover", 7: "bind", 8: "saddle-stitch", 9: "edge-stitch", 10: "fold", 11: "trim", 12: "bale",
	13: "booklet-maker", 20: "staple-top-left", 21: "staple-bottom-left", 22: "staple-top-right", 23: "staple-bottom-right",
	24: "edge-stitch-left", 25: "edge-stitch-top", 28: "staple-dual-left", 29: "staple-dual-top", 30: "staple-dual-right",
	70: "punch-top-left", 74: "punch-dual-left", 75: "punch-dual-top", 82: "punch-quad-left", 86: "punch-multiple-left",
}

func (p *printer) finishing(b *builder) {
	all := append([]int{3}, slices.DeleteFunc(slices.Clone(p.can.Finishings), func(n int) bool { return n == 3 })...)
	b.add(ipp.Enum("finishings-default", 3), ipp.Enum("finishings-supported", all...), ipp.Enum("finishings-ready", all...))
	if len(all) == 1 {
		return
	}
	var templates []string
	var cols [][]goipp.Attribute
	for _, n := range all {
		name, ok := finishingNames[n]
		if !ok {
			name = fmt.Sprintf("finishing-%d", n)
		}
		templates = append(templates, name)
		cols = append(cols, []goipp.Attribute{ipp.Keyword("finishing-template", name)})
	}
	b.add(ipp.Keyword("finishing-template-supported", templates...), ipp.Keyword("finishings-col-supported", "finishing-template"),
		ipp.Collection("finishings-col-database", cols...), ipp.Collection("finishings-col-default", cols[0]),
		ipp.Collection("finishings-col-ready", cols...))
}
