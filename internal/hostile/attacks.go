package main

import (
	"context"
	"fmt"
	"time"
)

// attack is one crowd and what must hold while it stands there.
type attack struct {
	name    string
	clients int
	limits  string        // of the node, as its configuration has them
	memory  int           // MiB that the node may use at most
	stay    time.Duration // how long the crowd stands there while normal jobs are sent
	gone    time.Duration // how long until the last of them must be gone once it only waits; 0: they may stay while there is room
	silent  bool          // the crowd stops saying anything after its stay
	storm   bool          // so many at a time, each once and again and again, and each must be refused
	refused int           // how many of the crowd the node must refuse, at least
	join    func(ctx context.Context, n *node, c *crowd) (client, error)
}

// roomy are limits that let a whole crowd in from one address.
func roomy(clients int) string {
	return fmt.Sprintf(`[lpd]
max_connections = %d
max_per_client = %d
idle = "15s"
[web]
max_connections = %d
max_per_client = %d
`, 2*clients+200, 2*clients+200, 2*clients+200, 2*clients+200)
}

const lpdMemory, webMemory = 64, 512 // MiB

func attacks(short bool) []attack {
	idle, drips, stay := 10_000, []int{500, 5_000}, 8*time.Second
	if short {
		idle, drips, stay = 1_000, []int{300}, 3*time.Second
	}
	list := []attack{
		{name: fmt.Sprintf("A24 %d idle connections on LPD", idle), clients: idle, limits: roomy(idle), memory: lpdMemory,
			stay: min(stay, 5*time.Second), gone: 10 * time.Second, silent: true, join: idleLPD},
		{name: fmt.Sprintf("A24 %d idle connections on HTTPS, before a request", idle), clients: idle, limits: roomy(idle) + "header_timeout = \"40s\"\n", memory: webMemory,
			stay: stay, gone: 40 * time.Second, silent: true, join: idleTLS},
		{name: fmt.Sprintf("A25 %d handshakes that stop half way", idle), clients: idle, limits: roomy(idle), memory: webMemory,
			stay: stay, gone: 10 * time.Second, silent: true, join: halfHandshake},
	}
	if !short {
		list = append(list, attack{name: fmt.Sprintf("A24 %d idle connections on HTTPS, after a request", idle), clients: idle, limits: roomy(idle), memory: webMemory,
			stay: stay, gone: time.Minute, silent: true, join: keptAlive})
	}
	for _, n := range drips {
		list = append(list,
			attack{name: fmt.Sprintf("A07 %d clients of 1 octet a second in an LPD document", n), clients: n, limits: roomy(n), memory: lpdMemory,
				stay: 2 * stay, gone: 15 * time.Second, silent: true, join: dripDocument},
			attack{name: fmt.Sprintf("A07 %d clients of 1 octet a second in an LPD command", n), clients: n, limits: roomy(n), memory: lpdMemory,
				stay: stay, gone: 10 * time.Second, join: dripCommand},
			attack{name: fmt.Sprintf("A07 %d clients of 1 octet a second in an HTTPS header", n), clients: n, limits: roomy(n) + "header_timeout = \"30s\"\n", memory: webMemory,
				stay: stay, gone: 30 * time.Second, join: dripHeader},
			attack{name: fmt.Sprintf("A07 %d clients of 1 octet a second in an HTTPS body", n), clients: n, limits: roomy(n), memory: webMemory,
				stay: stay, join: dripBody},
			attack{name: fmt.Sprintf("A07 %d strangers of 1 octet a second in an HTTPS body", n), clients: n, limits: roomy(n), memory: webMemory,
				stay: stay, gone: 40 * time.Second, refused: n, join: dripStranger},
		)
	}
	return append(append(list, asTheyAre(short)...), ippAttacks(short)...)
}

// asTheyAre are crowds in front of a node whose limits nobody raised.
func asTheyAre(short bool) []attack {
	n := 500
	list := []attack{
		{name: fmt.Sprintf("A24 %d idle connections of one address on LPD, limits as they are", n), clients: n, memory: lpdMemory,
			stay: 2 * time.Second, gone: 10 * time.Second, silent: true, refused: n - 64, join: idleLPD},
		{name: fmt.Sprintf("A24 %d idle connections of one address on HTTPS, limits as they are", n), clients: n, memory: webMemory,
			stay: 2 * time.Second, gone: 10 * time.Second, silent: true, refused: n - 64, join: idleTLS},
	}
	if short {
		return list
	}
	return append(list,
		attack{name: "A24 4000 idle connections of 80 addresses on LPD, limits as they are", clients: 4_000, memory: lpdMemory,
			stay: 5 * time.Second, gone: 10 * time.Second, silent: true, refused: 1, join: manyAddresses(idleLPD)},
		attack{name: "A25 4000 idle connections of 80 addresses on HTTPS, limits as they are", clients: 4_000, memory: webMemory,
			stay: 5 * time.Second, gone: 10 * time.Second, silent: true, refused: 1, join: manyAddresses(halfHandshake)},
		attack{name: "A07 1900 clients of 1 octet a second of 38 addresses in an LPD document, limits as they are", clients: 1_900, limits: "[lpd]\nidle = \"15s\"\n", memory: lpdMemory,
			stay: 20 * time.Second, gone: 15 * time.Second, silent: true, join: manyAddresses(dripDocument)},
		attack{name: "A07 1900 clients of 1 octet a second of 38 addresses in an HTTPS body, limits as they are", clients: 1_900, memory: webMemory,
			stay: 20 * time.Second, join: manyAddresses(dripBody)},
	)
}

// manyAddresses spreads a crowd over loopback addresses, 50 for each.
func manyAddresses(join func(context.Context, *node, *crowd) (client, error)) func(context.Context, *node, *crowd) (client, error) {
	return func(ctx context.Context, n *node, c *crowd) (client, error) {
		return join(withAddress(ctx, fmt.Sprintf("127.0.1.%d", 1+c.next.Add(1)/50)), n, c)
	}
}
