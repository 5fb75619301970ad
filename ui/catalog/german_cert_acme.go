package catalog

// germanCertACME is why an ACME server gives no certificate, and what to do about it.
var germanCertACME = map[string]string{

	// What is set up.
	"The address of an ACME server begins with https.":             "Die Adresse eines ACME-Servers beginnt mit https.",
	"The challenge %s is not known: there are http-01 and dns-01.": "Die Prüfung %s ist nicht bekannt: Es gibt http-01 und dns-01.",
	"This node does not answer at port 80, which http-01 needs. Set acme = \":80\" under [listen] in its configuration and start it again, or use dns-01.": "Dieser Knoten antwortet nicht auf Port 80, den http-01 braucht. Setzen Sie in seiner Konfiguration unter [listen] acme = \":80\" und starten Sie ihn neu, oder verwenden Sie dns-01.",
	"The secret of the key %s (EAB) cannot be read: it is base64url.":                                                                                      "Das Geheimnis des Schlüssels %s (EAB) ist nicht lesbar: Es ist base64url.",
	"The name server that takes entries in the DNS is missing.":                                                                                            "Der Nameserver fehlt, der Einträge im DNS annimmt.",
	"Entries in the DNS cannot be signed with %s. There are hmac-sha256, hmac-sha384 and hmac-sha512.":                                                     "Einträge im DNS können nicht mit %s unterschrieben werden. Es gibt hmac-sha256, hmac-sha384 und hmac-sha512.",
	"The secret of the key %s for entries in the DNS cannot be read: it is base64.":                                                                        "Das Geheimnis des Schlüssels %s für Einträge im DNS ist nicht lesbar: Es ist base64.",
	"A certificate needs at least one name.":                                                                                                               "Ein Zertifikat braucht mindestens einen Namen.",
	"A certificate has at most %d names.":                                                                                                                  "Ein Zertifikat hat höchstens %d Namen.",
	"An ACME server gives certificates for names, and %s is an address.":                                                                                   "Ein ACME-Server gibt Zertifikate für Namen, und %s ist eine Adresse.",
	"The name %s cannot stand in a certificate.":                                                                                                           "Der Name %s kann nicht in einem Zertifikat stehen.",
	"The wildcard %s can only be proven by dns-01.":                                                                                                        "Der Platzhalter %s lässt sich nur mit dns-01 nachweisen.",
	"Too many names are being proven at the same time. Try again later.":                                                                                   "Es werden zu viele Namen zugleich nachgewiesen. Versuchen Sie es später noch einmal.",

	// The server.
	"The ACME server %s cannot be reached. Check its address, the DNS and the firewall.":                                                                 "Der ACME-Server %s ist nicht erreichbar. Prüfen Sie seine Adresse, das DNS und die Firewall.",
	"The ACME server %s was not done in time. Try again later.":                                                                                          "Der ACME-Server %s ist nicht rechtzeitig fertig geworden. Versuchen Sie es später noch einmal.",
	"What answers at %s is not an ACME server, or does not do what it should.":                                                                           "Was unter %s antwortet, ist kein ACME-Server oder tut nicht, was es sollte.",
	"The certificate of the ACME server %s is of an authority that is not trusted here. Import the authority: platen cert trust import FILE --for acme.": "Das Zertifikat des ACME-Servers %s ist von einer Zertifizierungsstelle, der hier nicht vertraut wird. Importieren Sie die Zertifizierungsstelle: platen cert trust import DATEI --for acme.",
	"The certificate of the ACME server %s is for other names.":                                                                                          "Das Zertifikat des ACME-Servers %s gilt für andere Namen.",
	"The certificate of the ACME server %s is not valid. Check when it ends, and the clock of this node.":                                                "Das Zertifikat des ACME-Servers %s ist nicht gültig. Prüfen Sie, wann es endet, und die Uhr dieses Knotens.",
	"The ACME server %s has sent something else than the certificate that was asked for.":                                                                "Der ACME-Server %s hat etwas anderes geschickt als das verlangte Zertifikat.",
	"The ACME server %s takes no more requests for now: %s. Try again after %s.":                                                                         "Der ACME-Server %s nimmt vorerst keine Anfragen mehr an: %s. Versuchen Sie es nach %s noch einmal.",
	"The ACME server %s has a fault of its own: %s. Try again later.":                                                                                    "Der ACME-Server %s hat selbst eine Störung: %s. Versuchen Sie es später noch einmal.",
	"The ACME server %s refuses: %s.":                                                                                                                    "Der ACME-Server %s lehnt ab: %s.",
	"The ACME server %s asks for something to be done first: %s.":                                                                                        "Der ACME-Server %s verlangt, dass zuerst etwas getan wird: %s.",
	"The ACME server %s gives no certificate for this name: %s.":                                                                                         "Der ACME-Server %s gibt für diesen Namen kein Zertifikat: %s.",
	"The DNS does not let the ACME server %s give this certificate (CAA): %s.":                                                                           "Das DNS erlaubt dem ACME-Server %s dieses Zertifikat nicht (CAA): %s.",

	// The account.
	"The ACME server %s has terms that must be agreed to first: %s.":                                                   "Der ACME-Server %s hat Bedingungen, denen zuerst zugestimmt werden muss: %s.",
	"The ACME server %s does not accept the key %s (EAB): %s.":                                                         "Der ACME-Server %s nimmt den Schlüssel %s (EAB) nicht an: %s.",
	"The ACME server %s does not accept the e-mail address: %s.":                                                       "Der ACME-Server %s nimmt die E-Mail-Adresse nicht an: %s.",
	"The ACME server %s wants to know whose account this is (EAB). Enter the key that you have got from its operator.": "Der ACME-Server %s will wissen, wem dieses Konto gehört (EAB). Tragen Sie den Schlüssel ein, den Sie vom Betreiber bekommen haben.",

	// Proofs.
	"The ACME server does not offer %s for %s.": "Der ACME-Server bietet %s für %s nicht an.",
	"The ACME server does not find %s in the DNS: %s. Enter the name in the DNS that the server sees, or use dns-01.":                                       "Der ACME-Server findet %s nicht im DNS: %s. Tragen Sie den Namen in das DNS ein, das der Server sieht, oder nehmen Sie dns-01.",
	"The ACME server cannot reach %s at port 80: %s. Let port 80 of this name lead to this node, or use dns-01.":                                            "Der ACME-Server erreicht %s nicht auf Port 80: %s. Leiten Sie Port 80 dieses Namens zu diesem Knoten, oder nehmen Sie dns-01.",
	"Something else than this node answers for %s at port 80: %s. Let port 80 of this name lead to this node, or use dns-01.":                               "Für %s antwortet auf Port 80 etwas anderes als dieser Knoten: %s. Leiten Sie Port 80 dieses Namens zu diesem Knoten, oder nehmen Sie dns-01.",
	"The ACME server does not see what this node has entered in the DNS for %s: %s. Check that the name server with the entry is one that the server asks.": "Der ACME-Server sieht nicht, was dieser Knoten für %s in das DNS eingetragen hat: %s. Prüfen Sie, ob der Server den Nameserver mit dem Eintrag fragt.",
	"An entry in the DNS of %s (CAA) does not let this ACME server give certificates: %s.":                                                                  "Ein Eintrag im DNS von %s (CAA) erlaubt diesem ACME-Server keine Zertifikate: %s.",
	"The ACME server does not believe that %s belongs to this node: %s.":                                                                                    "Der ACME-Server glaubt nicht, dass %s zu diesem Knoten gehört: %s.",

	// Entries in the DNS.
	"The name server %s does not answer.":                                                                "Der Nameserver %s antwortet nicht.",
	"The name server %s does not answer to an entry in the DNS.":                                         "Der Nameserver %s antwortet nicht auf einen Eintrag im DNS.",
	"The name server %s refuses entries because its clock and the clock of this node differ.":            "Der Nameserver %s lehnt Einträge ab, weil seine Uhr und die Uhr dieses Knotens verschieden gehen.",
	"The name server %s does not know the key %s, or its secret or algorithm is another one.":            "Der Nameserver %s kennt den Schlüssel %s nicht, oder dessen Geheimnis oder Verfahren ist ein anderes.",
	"The name server %s does not let this node enter %s in the DNS. Check what the key %s may do there.": "Der Nameserver %s lässt diesen Knoten %s nicht in das DNS eintragen. Prüfen Sie, was der Schlüssel %s dort darf.",
	"The name server %s takes no entries for the zone %s.":                                               "Der Nameserver %s nimmt keine Einträge für die Zone %s an.",
	"The name server %s has not entered %s in the DNS: %s.":                                              "Der Nameserver %s hat %s nicht in das DNS eingetragen: %s.",
	"The answer of the name server %s is not signed with the key %s.":                                    "Die Antwort des Nameservers %s ist nicht mit dem Schlüssel %s unterschrieben.",
	"The name %s does not lie in the zone %s.":                                                           "Der Name %s liegt nicht in der Zone %s.",
	"The name server %s knows no zone for %s. Enter the zone.":                                           "Der Nameserver %s kennt keine Zone für %s. Tragen Sie die Zone ein.",
	"The name server %s does not show %s yet. Try again later.":                                          "Der Nameserver %s zeigt %s noch nicht. Versuchen Sie es später noch einmal.",
}
