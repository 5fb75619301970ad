package catalog

// germanReaders is what is said of card readers.
var germanReaders = map[string]string{
	"A reader is connected.": "Ein Leser ist verbunden.",
	"A reader needs an address and a port, such as 192.0.2.7:4001.":  "Ein Leser braucht eine Adresse und einen Port, zum Beispiel 192.0.2.7:4001.",
	"A secure connection that the reader opens needs a certificate.": "Eine sichere Verbindung, die der Leser aufbaut, braucht ein Zertifikat.",
	"No card reader is plugged in.":                                  "Es ist kein Kartenleser angeschlossen.",
	"The address for the reader cannot be opened.":                   "Die Adresse für den Leser lässt sich nicht öffnen.",
	"The card service of this computer does not answer.":             "Der Kartendienst dieses Rechners antwortet nicht.",
	"The end of a reader's line is cr, lf, crlf or none.":            "Das Zeilenende eines Lesers ist cr, lf, crlf oder none.",
	"The last card could not be read.":                               "Die letzte Karte ließ sich nicht lesen.",
	"The last card gave no number.":                                  "Die letzte Karte hat keine Nummer genannt.",
	"The reader cannot be reached.":                                  "Der Leser ist nicht erreichbar.",
	"The reader is not running.":                                     "Der Leser ist nicht in Betrieb.",
	"The role of a reader is server or client.":                      "Die Rolle eines Lesers ist server oder client.",
	"The secure connection to the reader failed.":                    "Die sichere Verbindung zum Leser ist nicht zustande gekommen.",
	"Waiting for a reader to connect.":                               "Es wird darauf gewartet, dass sich ein Leser verbindet.",
	"A reader needs a name.":                                         "Ein Leser braucht einen Namen.",
	"There is a reader %s already.":                                  "Es gibt schon einen Leser %s.",
	"There is no such reader.":                                       "Diesen Leser gibt es nicht.",
}
