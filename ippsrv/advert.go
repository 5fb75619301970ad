package ippsrv

import (
	"cmp"
	"slices"
	"strconv"

	"platen/site"
)

// Advert is what a queue says of itself where clients look for printers. A
// client that then asks the queue itself reads the same: both are from here.
type Advert struct {
	Instance   string   // printer-dns-sd-name
	UUID       string   // printer-uuid, without "urn:uuid:"
	Model      string   // printer-make-and-model
	Formats    []string // document-format-supported
	URF        []string // urf-supported
	Mopria     string   // mopria-certified
	Colour     bool     // color-supported
	Duplex     bool     // sides-supported has two-sided-long-edge
	Copies     int      // upper end of copies-supported
	Finishings []int    // finishings-supported, without none
	Media      []string // media-supported
}

// Describe returns what a queue says of itself when these are all devices of the
// node.
func Describe(q site.Queue, all []site.Device) Advert {
	can, media, _ := capable(&q, all)
	return Advert{
		Instance: InstanceName(q), UUID: printerUUID(&q), Model: makeAndModel(&can), Formats: slices.Clone(queueFormats), URF: urf(&can), Mopria: mopria,
		Colour: can.Colour, Duplex: duplex(&can), Copies: can.Copies, Finishings: can.Finishings, Media: media,
	}
}

// mopria is the version of the Mopria specification that clients look for.
const mopria = "1.3"

func printerUUID(q *site.Queue) string { return cmp.Or(q.IPP.UUID, q.ID) }

func makeAndModel(can *site.Capabilities) string { return "Platen " + cmp.Or(can.Model, "Print Queue") }

// capable returns what a queue can do, in which sizes, and the devices behind it.
func capable(q *site.Queue, all []site.Device) (can site.Capabilities, media []string, devices []site.Device) {
	devices = behind(q, all)
	if profile, ok := site.Profiles[q.IPP.Profile]; ok {
		can = profile
	} else {
		each := make([]site.Capabilities, len(devices))
		for i := range devices {
			each[i] = devices[i].Can()
		}
		can = site.Together(each)
	}
	media = standardSizes(&can)
	if len(media) == 0 {
		media = standardSizes(&site.Capabilities{Media: site.Profiles[site.DefaultProfile].Media})
	}
	can.Sides = orDefault(can.Sides, "one-sided")
	can.Types, can.Sources, can.Bins = orDefault(can.Types, "auto"), orDefault(can.Sources, "auto"), orDefault(can.Bins, "face-down")
	if len(can.DPI) == 0 {
		can.DPI = []int{300, 600}
	}
	can.Copies = max(1, can.Copies)
	return can, media, devices
}

func duplex(can *site.Capabilities) bool { return slices.Contains(can.Sides, "two-sided-long-edge") }

// urf is urf-supported, which AirPrint is nothing without.
func urf(can *site.Capabilities) []string {
	list := []string{"V1.4", "CP" + strconv.Itoa(min(can.Copies, 255)), "W8", "PQ3-4-5", "RS" + joinInts(can.DPI), "IS1-4-5-7", "MT1-2-3-4-5-6", "OB9", "OFU0"}
	if can.Colour {
		list = append(list, "SRGB24", "DEVRGB24")
	}
	if duplex(can) {
		list = append(list, "DM1")
	}
	return list
}
