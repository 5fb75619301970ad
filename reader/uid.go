package reader

import "fmt"

// getUID is GET DATA for the identifier of a contactless card, PC/SC part 3,
// section 3.2.2.1.3. The reader answers it, not the card.
var getUID = []byte{0xFF, 0xCA, 0x00, 0x00, 0x00}

// answerError is an answer that is not a number. The same card will give it
// again.
type answerError struct{ what string }

func (e *answerError) Error() string { return "reader: " + e.what }

// parseUID returns the identifier of an answer as hexadecimal digits. The order
// of its octets is the reader's; some give the last first.
func parseUID(answer []byte) (string, error) {
	n := len(answer) - 2
	if n < 0 {
		return "", &answerError{fmt.Sprintf("answer of %d octets", len(answer))}
	}
	if sw := answer[n:]; sw[0] != 0x90 || sw[1] != 0x00 {
		return "", &answerError{fmt.Sprintf("status word %X", sw)}
	}
	switch n {
	case 4, 7, 10, // ISO 14443 A: single, double, triple; 4 is B's PUPI too
		8: // ISO 15693, FeliCa
		return fmt.Sprintf("%X", answer[:n]), nil
	}
	return "", &answerError{fmt.Sprintf("identifier of %d octets", n)}
}
