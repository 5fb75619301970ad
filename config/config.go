package config

import (
	"net/netip"
	"time"
)

// Config is the whole file. The tag live marks the keys that take effect
// while the node runs; every other key needs a restart.
type Config struct {
	Data    string         `toml:"data"`               // folder of the database, the documents and the keys
	Grace   Duration       `toml:"grace"`              // what transfers under way have left once the node is told to stop
	Trusted []netip.Prefix `toml:"trusted" live:"yes"` // hosts with the higher limit of connections: print servers, load tests

	Listen     Listen      `toml:"listen"`
	Log        Log         `toml:"log"`
	LPD        LPD         `toml:"lpd" live:"yes"`
	Web        Web         `toml:"web"`
	IPP        IPP         `toml:"ipp"`
	Metrics    Metrics     `toml:"metrics"`
	Devices    Devices     `toml:"devices"`
	Pages      Pages       `toml:"pages"`
	Spool      Spool       `toml:"spool"`
	HotFolders []HotFolder `toml:"hotfolder" live:"yes"`
}

// Listen says where the node can be reached. An empty address does not
// listen; port 0 takes a free one.
type Listen struct {
	LPD string `toml:"lpd"`
	IPP string `toml:"ipp"` // ipp and ipps, both on this port
	Web string `toml:"web"`

	ACME string `toml:"acme"` // where an ACME server looks for proofs of http-01: port 80 of the node's names

	Old []OldListener `toml:"old" live:"yes"`
}

// OldListener is an address that speaks TLS as devices of around 2010 do, for the
// few hosts that need it and for nobody else.
type OldListener struct {
	Address string    `toml:"address"`
	Service string    `toml:"service"` // "web", "ipp"
	Allow   []Network `toml:"allow"`   // the device, or the network of such devices
}

// Services that an OldListener can have.
const (
	ServiceWeb = "web"
	ServiceIPP = "ipp"
)

// Log says what is written where.
type Log struct {
	Level  string `toml:"level" live:"yes"` // "debug", "info", "warn", "error"
	Format string `toml:"format"`           // "text", "json"
	File   string `toml:"file"`             // "": standard error, which systemd keeps in its journal
}

// LPD holds the limits of the LPD door: its part of the numbers that bound
// what a stranger can cost the node.
type LPD struct {
	MaxConnections   int      `toml:"max_connections"`
	MaxPerClient     int      `toml:"max_per_client"`     // connections of one address
	MaxPerTrusted    int      `toml:"max_per_trusted"`    // connections of one address in Trusted
	FirstOctet       Duration `toml:"first_octet"`        // from the connection to the end of its first line
	Idle             Duration `toml:"idle"`               // longest pause between two octets; mainframes pause minutes
	SlowRate         Octets   `toml:"slow_rate"`          // octets per second; above 80 % of a limit, slower clients are cut off
	MaxControlFiles  int      `toml:"max_control_files"`  // per connection
	MaxControlOctets Octets   `toml:"max_control_octets"` // of one control file
	MaxDataFiles     int      `toml:"max_data_files"`     // per connection
}

// Web holds the names and limits of the HTTPS door.
type Web struct {
	Names          []string `toml:"names"` // host names and addresses in the node's own certificate, beside what the machine calls itself
	MaxConnections int      `toml:"max_connections" live:"yes"`
	MaxPerClient   int      `toml:"max_per_client" live:"yes"`
	HeaderTimeout  Duration `toml:"header_timeout" live:"yes"`
}

// IPP holds the limits of the IPP door, whom it believes, and where queues are
// advertised.
type IPP struct {
	MaxConnections int            `toml:"max_connections" live:"yes"`
	MaxPerClient   int            `toml:"max_per_client" live:"yes"`
	HeaderTimeout  Duration       `toml:"header_timeout" live:"yes"`
	Idle           Duration       `toml:"idle" live:"yes"`                  // longest pause between two octets of a document
	Operation      Duration       `toml:"operation" live:"yes"`             // longest pause between two operations on a job whose documents are still to come
	Believed       []netip.Prefix `toml:"believed" live:"yes"`              // hosts whose user names are believed: terminal servers, print gateways
	Certificates   []string       `toml:"believed_certificates" live:"yes"` // the same, by the SHA-256 of their client certificate
	Advertise      bool           `toml:"advertise"`                        // by DNS-SD on the local network
	Interfaces     []string       `toml:"advertise_on"`                     // names of the network interfaces; empty: all
}

// Metrics says who may read /metrics.
type Metrics struct {
	Allow []netip.Prefix `toml:"allow" live:"yes"`
}

// Devices bounds where documents may be delivered to.
type Devices struct {
	AllowLoopback bool           `toml:"allow_loopback"`
	Allow         []netip.Prefix `toml:"allow"`   // addresses that are refused by default, and are devices here
	Folders       []string       `toml:"folders"` // folder devices must lie in one of these; empty: anywhere
}

// Pages bounds the child process that counts a document's pages.
type Pages struct {
	Timeout Duration `toml:"timeout"`
}

// Spool says how long a document that no row speaks of is kept aside.
type Spool struct {
	Quarantine Duration `toml:"quarantine"`
}

// HotFolder is a folder whose files become jobs of a queue and an owner.
type HotFolder struct {
	Path  string `toml:"path"`
	Queue string `toml:"queue"` // name
	Owner string `toml:"owner"` // login; "": the owner rules look at the documents
}

// Default returns the values of a file that says nothing.
func Default() Config {
	return Config{
		Data:   defaultData(),
		Grace:  Duration{30 * time.Second},
		Listen: Listen{LPD: ":515", IPP: ":631", Web: ":443"},
		Log:    Log{Level: "info", Format: "text"},
		LPD: LPD{
			MaxConnections: 2000, MaxPerClient: 64, MaxPerTrusted: 1000,
			FirstOctet: Duration{10 * time.Second}, Idle: Duration{5 * time.Minute},
			SlowRate:        1 << 10,
			MaxControlFiles: 16, MaxControlOctets: 64 << 10, MaxDataFiles: 52,
		},
		Web: Web{
			MaxConnections: 2000, MaxPerClient: 64, HeaderTimeout: Duration{10 * time.Second},
		},
		IPP: IPP{
			MaxConnections: 2000, MaxPerClient: 64, HeaderTimeout: Duration{10 * time.Second}, Idle: Duration{5 * time.Minute},
			Operation: Duration{5 * time.Minute}, Advertise: true,
		},
		Metrics: Metrics{Allow: []netip.Prefix{
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
		}},
		Pages: Pages{Timeout: Duration{10 * time.Second}},
		Spool: Spool{Quarantine: Duration{7 * 24 * time.Hour}},
	}
}
