package catalog

// germanCertImport is what is said of files with keys and certificates, and what the
// rules say of a chain.
var germanCertImport = map[string]string{
	// Files.
	"The file is empty.": "Die Datei ist leer.",
	"The file is larger than %d KiB. A key and its certificates take a few.":                                                                "Die Datei ist größer als %d KiB. Ein Schlüssel und seine Zertifikate brauchen einige wenige.",
	"The file is neither PFX (PKCS #12) nor PEM.":                                                                                           "Die Datei ist weder PFX (PKCS #12) noch PEM.",
	"This is a keystore of Java. Please convert it: keytool -importkeystore -srckeystore FILE -destkeystore NEW.pfx -deststoretype pkcs12.": "Das ist ein Keystore von Java. Bitte wandeln Sie ihn um: keytool -importkeystore -srckeystore DATEI -destkeystore NEU.pfx -deststoretype pkcs12.",
	"The file is damaged or was cut short. It cannot be read to its end.":                                                                   "Die Datei ist beschädigt oder abgeschnitten. Sie ist nicht bis zum Ende lesbar.",
	"The password does not open this file, or the file was changed. File and key must have the same password.":                              "Das Passwort öffnet diese Datei nicht, oder die Datei wurde verändert. Datei und Schlüssel müssen dasselbe Passwort haben.",
	"The file asks for more than %d rounds to make a key from its password. Please export it again with fewer.":                             "Die Datei verlangt mehr als %d Runden, um aus ihrem Passwort einen Schlüssel zu machen. Bitte exportieren Sie sie noch einmal mit weniger.",
	"The file asks for more than %d rounds to make all its keys from its password. Please export it again with fewer.":                      "Die Datei verlangt mehr als %d Runden, um aus ihrem Passwort alle ihre Schlüssel zu machen. Bitte exportieren Sie sie noch einmal mit weniger.",
	"Reading the file took more than %d seconds and was given up. Please export it again with fewer rounds.":                                "Das Lesen der Datei hat mehr als %d Sekunden gedauert und wurde abgebrochen. Bitte exportieren Sie sie noch einmal mit weniger Runden.",
	"Another file is being read at the moment. Please try again in half a minute.":                                                          "Gerade wird eine andere Datei gelesen. Bitte versuchen Sie es in einer halben Minute noch einmal.",
	"The key is encrypted by scrypt with more than %d MiB of memory. Please export it again with less.":                                     "Der Schlüssel ist durch scrypt mit mehr als %d MiB Speicher verschlüsselt. Bitte exportieren Sie ihn noch einmal mit weniger.",
	"The seal of the file (PBMAC1) has a key of %d octets. It takes %d to %d to protect the file.":                                          "Das Siegel der Datei (PBMAC1) hat einen Schlüssel von %d Oktetten. Um die Datei zu schützen, braucht es %d bis %d.",
	"The file is encrypted, but it has no seal (MAC), so that anybody could have changed it. Please export it again with one.":              "Die Datei ist verschlüsselt, hat aber kein Siegel (MAC), sodass jeder sie verändert haben könnte. Bitte exportieren Sie sie noch einmal mit einem Siegel.",
	"The file is protected by an algorithm that Platen does not read (%s). Please export it again with AES-256 and SHA-256.":                "Die Datei ist durch ein Verfahren geschützt, das Platen nicht liest (%s). Bitte exportieren Sie sie noch einmal mit AES-256 und SHA-256.",

	// What is in them.
	"The file holds certificates only. Please import it together with its private key, as PFX (PKCS #12) or PEM.": "Die Datei enthält nur Zertifikate. Bitte importieren Sie sie zusammen mit dem privaten Schlüssel, als PFX (PKCS #12) oder PEM.",
	"The file holds no private key that can be used.":                                                             "Die Datei enthält keinen privaten Schlüssel, der sich verwenden lässt.",
	"The file holds a private key, but no certificate that can be read.":                                          "Die Datei enthält einen privaten Schlüssel, aber kein lesbares Zertifikat.",
	"The file holds no certificate as PEM, DER or P7B.":                                                           "Die Datei enthält kein Zertifikat als PEM, DER oder P7B.",
	"The certificates of the file cannot be read.":                                                                "Die Zertifikate der Datei sind nicht lesbar.",
	"The file holds more than %d keys or %d certificates.":                                                        "Die Datei enthält mehr als %d Schlüssel oder %d Zertifikate.",
	"The file holds several keys, and each could be meant: %s. Please export one of them alone.":                  "Die Datei enthält mehrere Schlüssel, und jeder könnte gemeint sein: %s. Bitte exportieren Sie einen davon allein.",
	"No certificate of the file belongs to its private key. The file has certificates of: %s.":                    "Kein Zertifikat der Datei gehört zu ihrem privaten Schlüssel. Die Datei hat Zertifikate von: %s.",
	"An entry of the file that is neither a key nor a certificate was left out.":                                  "Ein Eintrag der Datei, der weder Schlüssel noch Zertifikat ist, wurde weggelassen.",
	"A key of the file was left out, because it is of a kind that no handshake uses.":                             "Ein Schlüssel der Datei wurde weggelassen, weil er von einer Art ist, die kein Verbindungsaufbau verwendet.",
	"A certificate of the file was left out, because it cannot be read.":                                          "Ein Zertifikat der Datei wurde weggelassen, weil es nicht lesbar ist.",
	"Certificates that do not belong to the chain were left out: %s.":                                             "Zertifikate, die nicht zur Kette gehören, wurden weggelassen: %s.",
	"Other keys of the file were left out: %d.":                                                                   "Andere Schlüssel der Datei wurden weggelassen: %d.",

	// Names.
	"These names of the certificate (SAN) belong to no domain of the account: %s. The domains are: %s.":                     "Diese Namen des Zertifikats (SAN) gehören zu keiner Domain des Kontos: %s. Die Domains sind: %s.",
	"This name of the certificate (CN) belongs to no domain of the account: %s. The domains are: %s.":                       "Dieser Name des Zertifikats (CN) gehört zu keiner Domain des Kontos: %s. Die Domains sind: %s.",
	"The certificate names no host: neither SAN nor CN has a name.":                                                         "Das Zertifikat nennt keinen Host: Weder SAN noch CN hat einen Namen.",
	"The certificate has its name (%s) only as CN, which browsers have not read since 2017. It serves old devices at most.": "Das Zertifikat hat seinen Namen (%s) nur als CN, den Browser seit 2017 nicht mehr lesen. Es taugt höchstens für alte Geräte.",

	// Dates.
	"The certificate of %s ended on %s.": "Das Zertifikat von %s ist am %s abgelaufen.",
	"The certificate of %s ends on %s.":  "Das Zertifikat von %s läuft am %s ab.",
	"The certificate of %s is valid only from %s on. If that is past, the clock of this computer is wrong.":  "Das Zertifikat von %s gilt erst ab %s. Wenn das schon vorbei ist, geht die Uhr dieses Computers falsch.",
	"The certificate of %s lives for more than %s days, which browsers do not accept of a public authority.": "Das Zertifikat von %s gilt länger als %s Tage, was Browser bei einer öffentlichen Zertifizierungsstelle nicht annehmen.",
	"The certificate of the issuer %s is valid from %s to %s only.":                                          "Das Zertifikat des Ausstellers %s gilt nur von %s bis %s.",

	// Keys and signatures.
	"The private key does not belong to the certificate of %s.":                                                         "Der private Schlüssel gehört nicht zum Zertifikat von %s.",
	"The key of %s has %s bits. RSA takes at least 2048.":                                                               "Der Schlüssel von %s hat %s Bit. RSA braucht mindestens 2048.",
	"The key of %s has %s bits, which makes each connection slow.":                                                      "Der Schlüssel von %s hat %s Bit, was jede Verbindung langsam macht.",
	"The key of %s is of a kind (%s) that browsers and many devices do not know. ECDSA with P-256 is known everywhere.": "Der Schlüssel von %s ist von einer Art (%s), die Browser und viele Geräte nicht kennen. ECDSA mit P-256 kennen alle.",
	"The certificate of %s is signed with %s, which can be forged.":                                                     "Das Zertifikat von %s ist mit %s signiert, was sich fälschen lässt.",
	"The certificate of %s is signed in a way that nobody checks nowadays.":                                             "Das Zertifikat von %s ist auf eine Art signiert, die heute niemand mehr prüft.",

	// Usages and issuers.
	"The certificate of %s is that of an authority (CA:TRUE). A server needs one of its own.":                                      "Das Zertifikat von %s ist das einer Zertifizierungsstelle (CA:TRUE). Ein Server braucht ein eigenes.",
	"The certificate of %s is not meant for servers: its extended key usage lacks serverAuth.":                                     "Das Zertifikat von %s ist nicht für Server gedacht: In seiner erweiterten Schlüsselverwendung fehlt serverAuth.",
	"The certificate of %s is not meant for servers: its key usage lacks digitalSignature.":                                        "Das Zertifikat von %s ist nicht für Server gedacht: In seiner Schlüsselverwendung fehlt digitalSignature.",
	"The key usage of %s lacks digitalSignature. Browsers refuse that; old devices take it.":                                       "In der Schlüsselverwendung von %s fehlt digitalSignature. Browser lehnen das ab, alte Geräte nehmen es.",
	"The certificate of %s is signed by itself. That is for tests, and for managed devices that were told to trust it.":            "Das Zertifikat von %s ist selbst signiert. Das ist für Tests und für verwaltete Geräte, denen gesagt wurde, dass sie ihm vertrauen.",
	"The file does not hold the certificate of the issuer %s. If that is an intermediate one, clients will refuse the connection.": "Die Datei enthält das Zertifikat des Ausstellers %s nicht. Wenn das eine Zwischenstelle ist, lehnen Clients die Verbindung ab.",
	"The certificate of %s signed another one of the chain, but it is not that of an authority.":                                   "Das Zertifikat von %s hat ein anderes der Kette signiert, ist aber nicht das einer Zertifizierungsstelle.",
	"The chain of %s does not hold: one of its authorities may not vouch for it (%s).":                                             "Die Kette von %s hält nicht: Eine ihrer Zertifizierungsstellen darf nicht dafür bürgen (%s).",
}
