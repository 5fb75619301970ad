package device_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"platen/device"
	"platen/internal/testkit/devicetest"
	"platen/site"
)

// BenchmarkSocket delivers to a raw port that throws everything away: what a
// delivery costs beside the network and the device.
func BenchmarkSocket(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	dev, err := device.New(site.Device{URI: "socket://" + ln.Addr().String()}, quick())
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{10 << 10, 1 << 20, 64 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			doc := devicetest.Doc("unknown", devicetest.Bytes(1, size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := dev.Deliver(b.Context(), devicetest.Delivery(doc)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
