package ippsrv

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"sync"
)

// iconSizes are those that IPP Everywhere asks for (PWG 5100.14, section 5.6.15).
var iconSizes = []int{48, 128, 512}

func iconPath(n int) string { return fmt.Sprintf("/icons/%d.png", n) }

// drawn are the icons, which are the same for every server.
var drawn = sync.OnceValue(drawIcons)

// drawIcons draws a printer: a sheet above, a body, and a sheet that comes out.
func drawIcons() map[string][]byte {
	all := map[string][]byte{}
	for _, n := range iconSizes {
		img := image.NewNRGBA(image.Rect(0, 0, n, n))
		part := func(x0, y0, x1, y1 float64, c color.NRGBA) {
			r := image.Rect(int(x0*float64(n)), int(y0*float64(n)), int(x1*float64(n)), int(y1*float64(n)))
			for y := r.Min.Y; y < r.Max.Y; y++ {
				for x := r.Min.X; x < r.Max.X; x++ {
					img.SetNRGBA(x, y, c)
				}
			}
		}
		ink, paper, body, lamp := color.NRGBA{31, 41, 55, 255}, color.NRGBA{249, 250, 251, 255}, color.NRGBA{15, 118, 110, 255}, color.NRGBA{250, 204, 21, 255}
		part(.24, .08, .76, .42, ink)
		part(.27, .11, .73, .42, paper)
		part(.10, .36, .90, .74, ink)
		part(.13, .39, .87, .71, body)
		part(.74, .45, .81, .52, lamp)
		part(.24, .58, .76, .92, ink)
		part(.27, .61, .73, .89, paper)
		part(.33, .68, .67, .71, ink)
		part(.33, .76, .60, .79, ink)
		var b bytes.Buffer
		if err := png.Encode(&b, img); err == nil {
			all[iconPath(n)] = b.Bytes()
		}
	}
	return all
}
