package catalog

// germanCertTrustwire is what is said of connections whose other side shows a
// certificate that does not count.
var germanCertTrustwire = map[string]string{
	"At most %d authorities can say who people are: every client is told all of them.":     "Höchstens %d Zertifizierungsstellen können sagen, wer jemand ist: Jedem Client werden alle genannt.",
	"The certificate of “%s” is not one of an authority, so it cannot say who people are.": "Das Zertifikat von „%s“ ist keines einer Zertifizierungsstelle, deshalb kann es nicht sagen, wer jemand ist.",

	// Another authority than the one that was named.
	"The certificate of the directory server %s is from another authority than those that were named for it alone (platen source trust; directory_ca of sync-directory).": "Das Zertifikat des Verzeichnisservers %s stammt von einer anderen Zertifizierungsstelle als denen, die für ihn allein genannt wurden (platen source trust; directory_ca von sync-directory).",
	"The certificate of the mail server is of another authority than the one that was named for it alone (platen mail trust).":                                            "Das Zertifikat des Mailservers ist von einer anderen Zertifizierungsstelle als der, die für ihn allein genannt wurde (platen mail trust).",

	// An authority that is not trusted for this.
	"The certificate of the directory server %s is from an authority that is not trusted for directories here. Import its certificate (platen cert trust import FILE --for directory).":                                                                                                                 "Das Zertifikat des Verzeichnisservers %s stammt von einer Zertifizierungsstelle, der hier für Verzeichnisse nicht vertraut wird. Importieren Sie deren Zertifikat (platen cert trust import FILE --for directory).",
	"The certificate of the mail server is of an authority that is not trusted for mail here. Import its certificate (platen cert trust import FILE --for mail).":                                                                                                                                       "Das Zertifikat des Mailservers ist von einer Zertifizierungsstelle, der hier für E-Mail nicht vertraut wird. Importieren Sie deren Zertifikat (platen cert trust import FILE --for mail).",
	"The certificate of %s is of an authority that is not trusted here: perhaps that of a proxy which looks into connections. Import its certificate if that is meant to be (platen cert trust import FILE --for sign-in).":                                                                             "Das Zertifikat von %s ist von einer Zertifizierungsstelle, der hier nicht vertraut wird: vielleicht der eines Proxys, der in Verbindungen hineinsieht. Importieren Sie deren Zertifikat, wenn das so sein soll (platen cert trust import FILE --for sign-in).",
	"The device shows another key than before. If it was exchanged or set up anew, an administrator has its old key forgotten (platen device forget-key), or imports the authority that signs for devices here (platen cert trust import FILE --for devices); otherwise somebody may pretend to be it.": "Das Gerät zeigt einen anderen Schlüssel als vorher. Wurde es ausgetauscht oder neu eingerichtet, lässt ein Administrator seinen alten Schlüssel vergessen (platen device forget-key) oder importiert die Zertifizierungsstelle, die hier für Geräte signiert (platen cert trust import FILE --for devices); sonst gibt sich vielleicht jemand für das Gerät aus.",
}
