package setup

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"platen/site"
)

// Node is where clients reach a node.
type Node struct {
	Host string // name or address, without brackets
	IPP  int    // port of ipp and ipps, 0 none
	LPD  int    // 0 none
	Web  int    // port of the pages, 0 none
}

// Ports of the services where nobody says another one.
const (
	ippPort = 631
	lpdPort = 515
	webPort = 443
)

// host is the node with a port, which is left out when it is the usual one.
func (n Node) host(port, usual int) string {
	if port == usual {
		if strings.Contains(n.Host, ":") {
			return "[" + n.Host + "]"
		}
		return n.Host
	}
	return net.JoinHostPort(n.Host, strconv.Itoa(port))
}

// Pages is where the node's pages begin, "" for none.
func (n Node) Pages() string {
	if n.Web == 0 {
		return ""
	}
	return "https://" + n.host(n.Web, webPort) + "/"
}

// Queue is a queue as clients reach it.
type Queue struct {
	Node     Node
	Name     string
	Label    string // in lists of printers
	Info     string
	Location string
	UUID     string // printer-uuid
	Secret   string // of a personal address, "" for none
}

// Of returns a queue of a node as clients reach it.
func Of(n Node, q site.Queue) Queue {
	id := q.IPP.UUID
	if id == "" {
		id = q.ID
	}
	return Queue{Node: n, Name: q.Name, Label: q.Instance(), Info: q.Info, Location: q.IPP.Location, UUID: id}
}

// Path is the resource path.
func (q Queue) Path() string {
	p := "/ipp/print/" + url.PathEscape(q.Name)
	if q.Secret != "" {
		p += "/u/" + url.PathEscape(q.Secret)
	}
	return p
}

// QueuePath is the path as forms that ask for host, port and queue want it.
func (q Queue) QueuePath() string { return strings.TrimPrefix(q.Path(), "/") }

// IPPS is the queue's address.
func (q Queue) IPPS() string { return "ipps://" + q.Node.host(q.Node.IPP, ippPort) + q.Path() }

// IPP is the queue's address without TLS; a personal one has none.
func (q Queue) IPP() string {
	if q.Secret != "" {
		return ""
	}
	return "ipp://" + q.Node.host(q.Node.IPP, ippPort) + q.Path()
}

// HTTPS is the address as Windows writes it: there the port must stand.
func (q Queue) HTTPS() string { return "https://" + q.Node.host(q.Node.IPP, webPort) + q.Path() }

// LPD is the address of old, "" for none.
func (q Queue) LPD() string {
	if q.Node.LPD == 0 || q.Secret != "" {
		return ""
	}
	return "lpd://" + q.Node.host(q.Node.LPD, lpdPort) + "/" + url.PathEscape(q.Name)
}

// AddPrinter is the command of Windows that adds the queue. Windows names it
// itself, and Rename-Printer comes after.
func (q Queue) AddPrinter() string { return "Add-Printer -IppURL " + powerShell(q.HTTPS()) }

// WindowsName is Label without what Windows forbids in the name of a printer.
func (q Queue) WindowsName() string {
	return strings.NewReplacer(`\`, "-", ",", "-", "!", "-").Replace(q.Label)
}

// Lpadmin is the command of CUPS that adds the queue.
func (q Queue) Lpadmin() string {
	return "lpadmin -p " + shell(q.Name) + " -E -v " + shell(q.IPPS()) + " -m everywhere"
}

// LpadminLPD adds the queue as CUPS did before IPP.
func (q Queue) LpadminLPD() string {
	if q.LPD() == "" {
		return ""
	}
	return "lpadmin -p " + shell(q.Name) + " -E -v " + shell(q.LPD()) + " -m raw"
}

// PrinterUUID is the printer-uuid of a queue. It follows from host and name
// (UUID version 5), because clients know a queue by it: when a node is installed
// anew under its old name, the printers that people have added go on working.
func PrinterUUID(host, queue string) string {
	name := "ipp://" + strings.ToLower(strings.TrimSuffix(host, ".")) + "/ipp/print/" + site.FoldName(queue)
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
}

// within makes a UUID that belongs to the queue's own and never changes.
func (q Queue) within(what string) string {
	space, err := uuid.Parse(q.UUID)
	if err != nil {
		space = uuid.NewSHA1(uuid.NameSpaceURL, []byte(q.IPPS()))
	}
	return strings.ToUpper(uuid.NewSHA1(space, []byte(what)).String())
}
