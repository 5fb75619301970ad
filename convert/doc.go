// Package convert makes documents into what a device reads.
//
// Plan says beforehand whether a device can print a document, and in which
// language it gets it. Run converts one document, with Ghostscript and poppler
// or, where a few lines do it, with this program itself: always in a child
// process with limits on memory, time and output, without a network where the
// system allows that, and with no files but its own folder and the programs'
// where the kernel knows Landlock. Those programs read strangers' documents and
// will be wrong one day.
//
// Documents are confidential. What a conversion writes lies below Converter.Dir,
// readable for nobody else, and goes when it is over, however it ends. What a
// crash left goes at the next start (Prepare).
//
// The package does not know users, queues, SQL, or how a device is spoken to.
package convert
