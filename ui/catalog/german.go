package catalog

import (
	"maps"

	"golang.org/x/text/language"
)

// german says "Sie", as an office does. Words: Gerät (device), Warteschlange
// (queue), freigeben (release), Besitzer (owner).
var german = &Language{
	Tag: language.German, Name: "Deutsch", Dir: "ltr", Sentences: join(germanPages, germanPrint, germanNode, germanDNSSD, germanIPP, germanIPPDevice, germanPIN, germanConvert,
		germanPeople, germanCards, germanDirectories, germanReaders, germanSignIn, germanMail, germanOwners),

	Counted: map[string]Counted{
		"%d pages":             {"1 Seite", "%d Seiten"},
		"about %d pages":       {"etwa 1 Seite", "etwa %d Seiten"},
		"%d copies":            {"1 Exemplar", "%d Exemplare"},
		"Print all %d":         {"Drucken", "Alle %d drucken"},
		"Delete %d documents?": {"Das Dokument löschen?", "%d Dokumente löschen?"},

		"%d documents were left because they need their PIN.": {"1 Dokument blieb liegen, weil es seine PIN braucht.", "%d Dokumente blieben liegen, weil sie ihre PIN brauchen."},
	},
}

// germanPages is what the pages themselves say.
var germanPages = map[string]string{
	// Pages: sign in and out.
	"Sign in":                               "Anmelden",
	"Sign out":                              "Abmelden",
	"Hold your card to the reader":          "Karte an den Leser halten",
	"Then choose what to print.":            "Danach wählen Sie, was gedruckt wird.",
	"or type your PIN":                      "oder PIN eingeben",
	"Card":                                  "Karte",
	"Card or PIN":                           "Karte oder PIN",
	"Card of the next person":               "Karte der nächsten Person",
	"User name":                             "Benutzername",
	"Password":                              "Passwort",
	"PIN":                                   "PIN",
	"User name and password":                "Benutzername und Passwort",
	"User name and PIN":                     "Benutzername und PIN",
	"Use a password instead":                "Mit Passwort anmelden",
	"Use a PIN instead":                     "Mit PIN anmelden",
	"Back":                                  "Zurück",
	"Cancel":                                "Abbrechen",
	"This card is new here":                 "Diese Karte ist hier neu",
	"Register this card":                    "Karte registrieren",
	"You are signed out.":                   "Sie sind abgemeldet.",
	"Are you still there?":                  "Sind Sie noch da?",
	"Stay signed in":                        "Angemeldet bleiben",
	"You will be signed out in %d seconds.": "In %d Sekunden werden Sie abgemeldet.",
	"If it is yours, register it once: with your user name and your password or PIN, or with a code from the help desk. Next time the card is enough.": "Wenn es Ihre ist, registrieren Sie sie einmalig: mit Benutzername und Passwort oder PIN, oder mit einem Code vom Helpdesk. Beim nächsten Mal genügt die Karte.",
	"Password, PIN or code":        "Passwort, PIN oder Code",
	"Sign in with PIN or password": "Mit PIN oder Passwort anmelden",
	"This browser keeps no cookies, so it cannot be a terminal. Please allow them, and ask the administrator for a new address.": "Dieser Browser behält keine Cookies und kann deshalb kein Terminal sein. Bitte erlauben Sie sie und fragen Sie den Administrator nach einer neuen Adresse.",
	"That took too long. Please hold your card to the reader again.":                                                             "Das hat zu lange gedauert. Bitte halten Sie Ihre Karte noch einmal an den Leser.",
	"This card is not known. Please ask the help desk.":                                                                          "Diese Karte ist nicht bekannt. Bitte wenden Sie sich an den Helpdesk.",
	"This screen has no device. Please tell the administrator.":                                                                  "Dieser Bildschirm hat kein Gerät. Bitte sagen Sie es dem Administrator.",
	"The device does not answer at the moment.":                                                                                  "Das Gerät antwortet im Moment nicht.",
	"This screen is not connected to a device. Please ask the administrator for its first address.":                              "Dieser Bildschirm ist mit keinem Gerät verbunden. Bitte fragen Sie den Administrator nach seiner ersten Adresse.",

	// Pages: documents.
	"Your documents":                    "Ihre Dokumente",
	"Document":                          "Dokument",
	"Document %s":                       "Dokument %s",
	"2 Jan, 15:04":                      "02.01., 15:04",
	"Did it print?":                     "Wurde es gedruckt?",
	"Waiting for you":                   "Wartet auf Sie",
	"On the way":                        "Unterwegs",
	"Done":                              "Erledigt",
	"Print":                             "Drucken",
	"Print selected":                    "Auswahl drucken",
	"Print again":                       "Erneut drucken",
	"Delete":                            "Löschen",
	"Keep longer":                       "Behalten",
	"Details":                           "Details",
	"Answer":                            "Antworten",
	"Look again":                        "Noch einmal nachsehen",
	"Previous page":                     "Vorige Seite",
	"Next page":                         "Nächste Seite",
	"colour":                            "farbig",
	"black and white":                   "schwarzweiß",
	"both sides":                        "beidseitig",
	"one side":                          "einseitig",
	"both sides, turned like a book":    "beidseitig, wie ein Buch",
	"both sides, turned like a notepad": "beidseitig, wie ein Notizblock",
	"as printed":                        "wie gesendet",
	"Copies":                            "Exemplare",
	"Sides":                             "Seiten",
	"State":                             "Zustand",
	"Size":                              "Umfang",
	"Sent":                              "Gesendet",
	"Kept until":                        "Aufbewahrt bis",
	"Device":                            "Gerät",
	"Waits for you":                     "Wartet auf Sie",
	"Waits for the device":              "Wartet auf das Gerät",
	"Is being printed":                  "Wird gedruckt",
	"Printed":                           "Gedruckt",
	"Sent to the device":                "Ans Gerät gesendet",
	"May have printed":                  "Vielleicht gedruckt",
	"Not printed":                       "Nicht gedruckt",
	"Deleted":                           "Gelöscht",
	"Held again":                        "Wartet wieder auf Sie",
	"Deleted.":                          "Gelöscht.",
	"Kept longer.":                      "Wird länger aufbewahrt.",
	"Delete?":                           "Löschen?",
	"Delete this document?":             "Dieses Dokument löschen?",
	"It will be gone for good.":         "Es ist dann endgültig weg.",
	"Thank you. The document is done.":  "Danke. Das Dokument ist erledigt.",
	"Nothing is waiting for you.":       "Es wartet nichts auf Sie.",
	"What you print from your computer appears here within seconds.": "Was Sie am Computer drucken, erscheint hier nach wenigen Sekunden.",
	"Looks the same as another one a moment before.":                 "Sieht genauso aus wie eines kurz davor.",
	"Did this document print?":                                       "Wurde dieses Dokument gedruckt?",
	"Yes, it is complete":                                            "Ja, vollständig",
	"No, print it again":                                             "Nein, erneut drucken",
	"The connection to the device broke off while it was printing, so nobody knows how much paper came out. Please look at the tray.": "Die Verbindung zum Gerät brach während des Druckens ab. Niemand weiß, wie viel Papier herauskam. Bitte sehen Sie im Ausgabefach nach.",
	"That is no number of copies.": "Das ist keine Anzahl von Exemplaren.",

	// Pages: a release.
	"Printing":                        "Drucken",
	"Your documents are on their way": "Ihre Dokumente sind unterwegs",
	"Please take your paper":          "Bitte nehmen Sie Ihre Ausdrucke mit",
	"Not everything was printed":      "Nicht alles wurde gedruckt",
	"Back to your documents":          "Zurück zu Ihren Dokumenten",

	// Pages: for somebody else.
	"Print for somebody else": "Für jemand anderen drucken",
	"Print here":              "Hier drucken",
	"Find":                    "Suchen",
	"Reason":                  "Grund",
	"Nothing is held there.":  "Dort wartet nichts.",
	"For emergencies: who printed what for whom, and why, is recorded.": "Für Notfälle: Wer was für wen gedruckt hat, und warum, wird festgehalten.",
	"Whose documents? Leave empty for those that nobody owns.":          "Wessen Dokumente? Leer lassen für solche, die niemandem gehören.",

	// Pages: the node.
	"Print here, collect anywhere":                                            "Hier drucken, überall abholen",
	"This is %s, an open print node.":                                         "Das ist %s, ein offener Druckknoten.",
	"This is an open print node.":                                             "Das ist ein offener Druckknoten.",
	"It keeps what you print until you stand at a device and show your card.": "Er bewahrt auf, was Sie drucken, bis Sie an einem Gerät stehen und Ihre Karte zeigen.",
	"How to print": "So drucken Sie",
	"Add a printer of the type LPD or LPR with one of these addresses:": "Fügen Sie einen Drucker vom Typ LPD oder LPR mit einer dieser Adressen hinzu:",
	"Address":                          "Adresse",
	"What it is for":                   "Wofür",
	"Waits for you at the device.":     "Wartet am Gerät auf Sie.",
	"Prints at once.":                  "Druckt sofort.",
	"There is no queue yet.":           "Es gibt noch keine Warteschlange.",
	"Where to collect":                 "Hier holen Sie ab",
	"Terminal":                         "Terminal",
	"A warning about the certificate?": "Eine Warnung wegen des Zertifikats?",
	"This node vouches for itself. Ask your administrator before you trust its authority:": "Dieser Knoten bürgt für sich selbst. Fragen Sie Ihren Administrator, bevor Sie seiner Zertifizierungsstelle vertrauen:",

	// Errors of pages and APIs.
	"That did not work":                                                   "Das hat nicht geklappt",
	"Not found":                                                           "Nicht gefunden",
	"Back to the start":                                                   "Zurück zum Anfang",
	"Reference for the help desk: %s":                                     "Kennzeichen für den Helpdesk: %s",
	"There is no such page here.":                                         "Diese Seite gibt es hier nicht.",
	"That cannot be done with this address.":                              "Das geht mit dieser Adresse nicht.",
	"That could not be read.":                                             "Das konnte nicht gelesen werden.",
	"That was too much to read.":                                          "Das war zu viel auf einmal.",
	"This form is not one of ours. Please start again.":                   "Dieses Formular ist keines von uns. Bitte beginnen Sie von vorn.",
	"This server is not the host that you asked for.":                     "Dieser Server ist nicht der, nach dem Sie gefragt haben.",
	"This request came from a page of another site and was not followed.": "Diese Anfrage kam von einer fremden Seite und wurde nicht befolgt.",
	"This address may not read that.":                                     "Diese Adresse darf das nicht lesen.",
	"Please send the token of the terminal.":                              "Bitte senden Sie das Token des Terminals mit.",
	"Please send an API token.":                                           "Bitte senden Sie ein API-Token mit.",
	"This API token is not known.":                                        "Dieses API-Token ist nicht bekannt.",
	"This API token may not print to that queue.":                         "Dieses API-Token darf nicht in diese Warteschlange drucken.",
	"Please name a queue.":                                                "Bitte nennen Sie eine Warteschlange.",
	"There is no document in this form.":                                  "In diesem Formular ist kein Dokument.",
	"The document did not arrive whole.":                                  "Das Dokument kam nicht vollständig an.",
	"This terminal does not belong to that device.":                       "Dieses Terminal gehört nicht zu diesem Gerät.",
	"This node keeps no events of devices.":                               "Dieser Knoten bewahrt keine Meldungen von Geräten auf.",
	"An event needs an id, a known kind and a time.":                      "Eine Meldung braucht eine Kennung, eine bekannte Art und eine Zeit.",
	"A part of this node hangs.":                                          "Ein Teil dieses Knotens hängt.",
}

// join makes one set of sentences of several.
func join(sets ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	return all
}
