package bridge_test

import "directus-ircd/ircd"

// fullSession is a session with all optional parts, as every one of bridge is.
type fullSession interface {
	ircd.Session
	ircd.Newscaster
	ircd.Reactor
	ircd.TopicSetter
	ircd.RoomKeeper
	ircd.ChannelDater
	ircd.HistoryReader
	ircd.MarkerKeeper
}

// full is a Login whose session is known to have all parts.
func full(s ircd.Session, err error) (fullSession, error) {
	if err != nil {
		return nil, err
	}
	return s.(fullSession), nil
}
