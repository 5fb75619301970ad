package catalog

// germanConvert is what is said about making documents into what a device reads.
var germanConvert = map[string]string{

	// Why a device cannot print a document.
	"This device cannot print this document. Please use another device, or print it again as PDF.":                                  "Dieses Gerät kann dieses Dokument nicht drucken. Bitte nehmen Sie ein anderes Gerät, oder drucken Sie es noch einmal als PDF.",
	"This device cannot print this document, because the program that would convert it is not installed. Please ask the help desk.": "Dieses Gerät kann dieses Dokument nicht drucken, weil das Programm fehlt, das es umwandeln würde. Bitte fragen Sie den Helpdesk.",

	// Why it was not converted.
	"Converting this document for the device took too much time or memory. Nothing was printed.": "Dieses Dokument für das Gerät umzuwandeln brauchte zu viel Zeit oder Speicher. Es wurde nichts gedruckt.",
	"This document becomes too large when it is converted for the device. Nothing was printed.":  "Dieses Dokument wird zu groß, wenn es für das Gerät umgewandelt wird. Es wurde nichts gedruckt.",
	"This document is damaged and could not be converted for the device. Nothing was printed.":   "Dieses Dokument ist beschädigt und ließ sich für das Gerät nicht umwandeln. Es wurde nichts gedruckt.",
	"There is no page to print in this document.":                                                "In diesem Dokument ist keine Seite zu drucken.",
	"The document could not be converted now. It will be tried again.":                           "Das Dokument ließ sich jetzt nicht umwandeln. Es wird noch einmal versucht.",

	// In the history of a job, and beside a device.
	"A document is being converted for the device.":                     "Ein Dokument wird für das Gerät umgewandelt.",
	"Converting it from %s to %s for %s.":                               "Wird von %s in %s umgewandelt, für %s.",
	"Converted from %s to %s for %s in %d s.":                           "Von %s in %s umgewandelt, für %s, in %d s.",
	"The document is damaged; something of it may be missing on paper.": "Das Dokument ist beschädigt; auf dem Papier kann etwas davon fehlen.",
}
