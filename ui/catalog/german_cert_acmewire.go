package catalog

// germanCertACMEWire is what the node says of chains that come from an ACME server.
var germanCertACMEWire = map[string]string{
	"The node is not running. Start it first: it is the node that proves the names to the ACME server.": "Der Knoten läuft nicht. Starten Sie ihn zuerst: Er ist es, der dem ACME-Server die Namen nachweist.",

	// While somebody waits for a certificate.
	"An account is made at %s.":                                                      "Bei %s wird ein Konto angelegt.",
	"A certificate for %s is ordered of %s.":                                         "Ein Zertifikat für %s wird bei %s bestellt.",
	"The entries in the DNS are there; this waits until its name servers show them.": "Die Einträge im DNS sind da; nun wird gewartet, bis seine Nameserver sie zeigen.",
	"This waits until %s has looked.":                                                "Nun wird gewartet, bis %s nachgesehen hat.",
	"The server believes it, and makes the certificate.":                             "Der Server glaubt es und erstellt das Zertifikat.",
}
