package catalog

// germanDNSSD is what is said about making queues findable in the network.
var germanDNSSD = map[string]string{
	"“%s” is not a domain of a name server.":                                               "„%s“ ist keine Domäne eines Nameservers.",
	"“%s” is not the name of a host.":                                                      "„%s“ ist nicht der Name eines Rechners.",
	"The name “%s” cannot be used: it has control characters, or space around it.":         "Der Name „%s“ geht nicht: Er enthält Steuerzeichen, oder vor oder nach ihm sind Leerzeichen.",
	"The queue “%s” cannot be listed: its name, its path or a port is missing or wrong.":   "Die Warteschlange „%s“ kann nicht aufgeführt werden: Ihr Name, ihr Pfad oder ein Port fehlt oder ist falsch.",
	"The name “%s” is too long for a name server. Please choose one of at most 63 octets.": "Der Name „%s“ ist zu lang für einen Nameserver. Bitte wählen Sie einen mit höchstens 63 Oktetten.",
	"Two queues are called “%s”. Please rename one of them.":                               "Zwei Warteschlangen heißen „%s“. Bitte benennen Sie eine davon um.",
}
