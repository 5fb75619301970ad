package catalog

// germanPIN is what is said of documents that have a PIN of their own.
var germanPIN = map[string]string{
	"PIN of the document":                    "PIN des Dokuments",
	"Print all without a PIN":                "Alles ohne PIN drucken",
	"Needs its PIN.":                         "Braucht seine PIN.",
	"Has a PIN that only its owner knows.":   "Hat eine PIN, die nur der Besitzer kennt.",
	"A single PIN is for a single document.": "Eine einzelne PIN gilt für ein einzelnes Dokument.",
	"This document is printed only with its PIN. Please type the PIN that was chosen for it.":                "Dieses Dokument wird nur mit seiner PIN gedruckt. Bitte geben Sie die PIN ein, die beim Drucken festgelegt wurde.",
	"That is not the PIN of this document. Please try again.":                                                "Das ist nicht die PIN dieses Dokuments. Bitte versuchen Sie es noch einmal.",
	"Nothing was printed: what waits here needs its PIN. Please choose a document and type its PIN.":         "Es wurde nichts gedruckt: Was hier wartet, braucht seine PIN. Bitte wählen Sie ein Dokument und geben Sie seine PIN ein.",
	"Too many wrong PINs. Please wait %d seconds and try again.":                                             "Zu viele falsche PINs. Bitte warten Sie %d Sekunden und versuchen Sie es dann noch einmal.",
	"Too many wrong PINs. Please wait %d minutes, or delete the document and print it again with a new PIN.": "Zu viele falsche PINs. Bitte warten Sie %d Minuten, oder löschen Sie das Dokument und drucken Sie es mit einer neuen PIN noch einmal.",

	// History.
	"Its PIN was given.": "Seine PIN wurde eingegeben.",
	"Released at %s without its owner and without its PIN, for this reason: %s": "An %s ohne den Besitzer und ohne die PIN freigegeben, aus diesem Grund: %s",
}
