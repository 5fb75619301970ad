package catalog

// germanCertAuthority is what the built-in authority says, and what is said of
// requests for certificates.
var germanCertAuthority = map[string]string{
	"The certificate authority may not vouch for this: %s.":                                                       "Dafür darf die Zertifizierungsstelle nicht bürgen: %s.",
	"The certificate authority is good from %s to %s, and it is %s here. Set the clock, or make a new authority.": "Die Zertifizierungsstelle gilt vom %s bis zum %s, und hier ist der %s. Stellen Sie die Uhr, oder legen Sie eine neue Zertifizierungsstelle an.",
	"A certificate needs at least one name.":                                                                      "Ein Zertifikat braucht mindestens einen Namen.",

	// A request of ours.
	"This is no host name and no address: %s.":   "Das ist weder ein Rechnername noch eine Adresse: %s.",
	"This does not fit into a certificate: %s.":  "Das passt nicht in ein Zertifikat: %s.",
	"A country is a code of two letters, as DE.": "Ein Land ist ein Kürzel aus zwei Buchstaben, zum Beispiel DE.",
	"None of these certificates answers this request: they are for another key. Import the answer to the request that was made last, or make a new request.": "Keines dieser Zertifikate beantwortet diese Anforderung: Sie gehören zu einem anderen Schlüssel. Importieren Sie die Antwort auf die zuletzt erstellte Anforderung, oder erstellen Sie eine neue.",

	// A request of a stranger.
	"This is no request for a certificate, or it is damaged.": "Das ist keine Zertifikatsanforderung, oder sie ist beschädigt.",
	"A request for a certificate has at most %d octets.":      "Eine Zertifikatsanforderung hat höchstens %d Oktette.",
	"A request has at most %d names.":                         "Eine Anforderung hat höchstens %d Namen.",
	"This request asks for names that are not allowed: %s.":   "Diese Anforderung verlangt Namen, die nicht erlaubt sind: %s.",
	"The key of this request is too weak, or of a kind that clients do not know. Make one of RSA with 2048 to 8192 bits, or of P-256, P-384 or P-521.": "Der Schlüssel dieser Anforderung ist zu schwach, oder Clients kennen seine Art nicht. Erzeugen Sie einen mit RSA und 2048 bis 8192 Bit, oder mit P-256, P-384 oder P-521.",
}
