// Package wire turns bytes into IRC lines and back. It knows names and their case
// mapping, the grammar of lines and tags, mIRC formatting, how a text is cut into
// lines that fit, and SASL PLAIN. Everything in it is a pure function of its input,
// but for Reader and SASLMessage, which one goroutine each uses.
//
// ircd reads and writes all lines through it, and bridge checks names and texts with
// it, so that both agree on what fits on a line. It imports no other package of this
// module. decode.go is about what clients send, encode.go about what they are sent.
package wire
