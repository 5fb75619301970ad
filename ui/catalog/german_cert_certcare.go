package catalog

// germanCertCare is what mails say of certificates that end.
var germanCertCare = map[string]string{
	"Certificates of %s end soon":                                                                                                  "Zertifikate von %s enden bald",
	"Certificates of %s have ended":                                                                                                "Zertifikate von %s sind abgelaufen",
	"These certificates of the print service on %s end, or have ended:":                                                            "Diese Zertifikate des Druckdienstes auf %s enden oder sind abgelaufen:",
	"“%s” (%s) ended on %s.":                                                                                                       "„%s“ (%s) ist am %s abgelaufen.",
	"“%s” (%s) ends on %s, within a day.":                                                                                          "„%s“ (%s) endet am %s, innerhalb eines Tages.",
	"“%s” (%s) ends on %s, in one day.":                                                                                            "„%s“ (%s) endet am %s, in einem Tag.",
	"“%s” (%s) ends on %s, in %d days.":                                                                                            "„%s“ (%s) endet am %s, in %d Tagen.",
	"The last attempt to renew it failed: %s":                                                                                      "Der letzte Versuch, es zu erneuern, ist gescheitert: %s",
	"The node renews it by itself and could not. The reason is in its log.":                                                        "Der Knoten erneuert es selbst und konnte es nicht. Der Grund steht in seinem Protokoll.",
	"The node renews it by itself at an ACME server. It has not succeeded yet, and tries again.":                                   "Der Knoten erneuert es selbst bei einem ACME-Server. Das ist noch nicht gelungen und wird wieder versucht.",
	"It was imported, and nobody renews it by itself. Import the next one: platen cert chain import %s FILE":                       "Es wurde importiert, und niemand erneuert es von selbst. Importieren Sie das nächste: platen cert chain import %s DATEI",
	"It signs API tokens, and nobody renews it by itself. Import the next one: platen cert signing import %s FILE":                 "Es signiert API-Tokens, und niemand erneuert es von selbst. Importieren Sie das nächste: platen cert signing import %s DATEI",
	"An authority issued it on request. Make the next request, and give it to the authority: platen cert chain renew %s FILE":      "Eine Zertifizierungsstelle hat es auf Antrag ausgestellt. Erstellen Sie den nächsten Antrag, und geben Sie ihn der Zertifizierungsstelle: platen cert chain renew %s DATEI",
	"It comes from files that another program renews, and that one has not. Which files these are says: platen cert chain show %s": "Es kommt aus Dateien, die ein anderes Programm erneuert, und das hat es nicht getan. Welche Dateien das sind, sagt: platen cert chain show %s",
	"It is the built-in authority of this node. Make a new one with platen cert ca generate, and give its certificate to all clients; the page /trust says how.":                                  "Es ist die eingebaute Zertifizierungsstelle dieses Knotens. Erstellen Sie eine neue mit platen cert ca generate, und geben Sie deren Zertifikat allen Clients; wie, sagt die Seite /trust.",
	"It is an authority that this node trusts. Ask whoever runs it for its next certificate, and import that: platen cert trust import FILE. What it is trusted for says: platen cert trust list": "Es ist eine Zertifizierungsstelle, der dieser Knoten vertraut. Fragen Sie deren Betreiber nach dem nächsten Zertifikat, und importieren Sie es: platen cert trust import DATEI. Wofür ihr vertraut wird, sagt: platen cert trust list",
	"Documents that are sent by LPR are printed all the same. Everything about certificates is shown by: platen doctor":                                                                           "Dokumente, die über LPR kommen, werden trotzdem gedruckt. Alles über Zertifikate zeigt: platen doctor",
}
