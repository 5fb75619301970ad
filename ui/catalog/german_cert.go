package catalog

// germanCert is what the keeper of certificates and its commands say.
var germanCert = map[string]string{
	"A certificate chain needs a name.":                                      "Eine Zertifikatskette braucht einen Namen.",
	"The certificate of %s is not one for %s. It is for: %s":                 "Das Zertifikat von %s gilt nicht für %s. Es gilt für: %s",
	"The domain %s belongs to another account.":                              "Die Domäne %s gehört einem anderen Konto.",
	"The file %s cannot be read: %s.":                                        "Die Datei %s kann nicht gelesen werden: %s.",
	"The node needs %s. A new authority is made by: platen cert ca generate": "Der Knoten braucht %s. Eine neue Zertifizierungsstelle erstellt: platen cert ca generate",
	"The node's certificate authority is damaged. Restore it from a backup, or make a new one: platen cert ca generate": "Die Zertifizierungsstelle des Knotens ist beschädigt. Stellen Sie sie aus einer Sicherung wieder her, oder erstellen Sie eine neue: platen cert ca generate",
	"There is a certificate chain %s already.":                    "Es gibt bereits eine Zertifikatskette %s.",
	"There is an authority %s already.":                           "Es gibt bereits eine Zertifizierungsstelle %s.",
	"There is no authority %s. See: platen cert trust list":       "Es gibt keine Zertifizierungsstelle %s. Siehe: platen cert trust list",
	"There is no such authority.":                                 "Diese Zertifizierungsstelle gibt es nicht.",
	"There is no such certificate chain.":                         "Diese Zertifikatskette gibt es nicht.",
	"There is no such domain.":                                    "Diese Domäne gibt es nicht.",
	"No ACME server gave the chain %s.":                           "Die Kette %s kam von keinem ACME-Server.",
	"The path %s is not whole: the node may have another folder.": "Der Pfad %s ist nicht vollständig: Der Knoten arbeitet vielleicht in einem anderen Ordner.",
	"No chain can be called %s. Choose another name.":             "Keine Kette kann %s heißen. Wählen Sie einen anderen Namen.",
	"The chain %s waits for an answer already. To ask again, remove it first: platen cert chain remove NAME": "Die Kette %s wartet schon auf eine Antwort. Um erneut anzufragen, entfernen Sie sie zuerst: platen cert chain remove NAME",
	"Tokens that the chain %s has signed still count. With --yes they end now.":                              "Tokens, die die Kette %s signiert hat, gelten noch. Mit --yes enden sie jetzt.",
	"This chain cannot sign tokens: it ended on %s.":                                                         "Diese Kette kann keine Tokens signieren: Sie ist am %s abgelaufen.",
}
