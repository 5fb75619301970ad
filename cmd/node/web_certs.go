package main

import "platen/ui"

var _ ui.CertWork = certWork{}

// certWork is what somebody at a page, or a program, does with certificates.
func (n *node) certWork(actor string) ui.CertWork { return certWork{n.admin(actor)} }
