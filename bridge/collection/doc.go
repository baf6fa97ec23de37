// Package collection reads Directus collections as logs of messages: the configuration of
// a channel (Config, Channel), the channels that share a subscription (Group), one item of
// a collection (Row), the order, dates and keys of rows, reading them page by page (Scan),
// reactions, attached files, msgids, and the record of rows that came late (Dates).
//
// The other rooms of bridge but budget, guard, state and text build on it; it imports text,
// directus and ircd. Most values are immutable after Prepare and may be used by any
// goroutine. Dates, its latecomers, overtakes and notices, and the text cache of a Channel have a
// mutex each; none is held while another is taken or a function of a caller runs.
package collection
