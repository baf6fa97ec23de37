package ircd

import (
	"context"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// command describes how a command is handled.
type command struct {
	// run handles the command. An *Error becomes the reply, *closing ends the
	// connection, and any other error is logged and reported with a fixed text.
	run func(c *conn, ctx context.Context, m *irc.Message) error
	// params is the minimum number of parameters, not counting empty ones at the end;
	// with fewer the reply is 461.
	params int
	// early commands are accepted before 001, and so are those whose earlyCap the client
	// has. The reply to others is 451 then.
	early    bool
	earlyCap capSet
	// query commands make the backend search or have a long answer. Each of their
	// targets counts for queryCost lines.
	query bool
	// server says that the first parameter may name a server, and that of others than this
	// one nothing is known.
	server bool
	// targets says that each of the command's targets counts for one line.
	targets bool
}

// commands is the table of all commands, by name. It is never changed.
var commands = map[string]command{
	"CAP":          {run: (*conn).cmdCap, params: 1, early: true},
	"AUTHENTICATE": {run: (*conn).cmdAuthenticate, params: 1, early: true},
	"PASS":         {run: (*conn).cmdPass, early: true},
	"NICK":         {run: (*conn).cmdNick, early: true},
	"USER":         {run: (*conn).cmdUser, params: 1, early: true},
	"OTP":          {run: (*conn).cmdOTP, params: 1, early: true},
	"PING":         {run: (*conn).cmdPing, early: true},
	"PONG":         {run: (*conn).cmdPong, early: true},
	"QUIT":         {run: (*conn).cmdQuit, early: true},
	"ERROR":        {run: (*conn).cmdIgnore, early: true},
	"PROTOCTL":     {run: (*conn).cmdIgnore, early: true},

	"JOIN":   {run: (*conn).cmdJoin, params: 1, query: true},
	"PART":   {run: (*conn).cmdPart, params: 1, targets: true},
	"TOPIC":  {run: (*conn).cmdTopic, params: 1},
	"MODE":   {run: (*conn).cmdMode, params: 1},
	"NAMES":  {run: (*conn).cmdNames, query: true},
	"LIST":   {run: (*conn).cmdList, query: true},
	"RENAME": {run: (*conn).cmdRename, params: 2},
	"INVITE": {run: (*conn).cmdInvite, params: 2},
	"KICK":   {run: (*conn).cmdKick, params: 2},

	"PRIVMSG": {run: (*conn).cmdPrivmsg, targets: true},
	"NOTICE":  {run: (*conn).cmdNotice, targets: true},
	"TAGMSG":  {run: (*conn).cmdTagmsg, targets: true},
	"BATCH":   {run: (*conn).cmdBatch, params: 1},
	"REDACT":  {run: (*conn).cmdRedact, params: 2},
	"AWAY":    {run: (*conn).cmdAway, earlyCap: capPreAway},

	"CHATHISTORY": {run: (*conn).cmdChathistory, query: true},
	"MARKREAD":    {run: (*conn).cmdMarkread},

	"MONITOR":  {run: (*conn).cmdMonitor, params: 1, query: true},
	"SETNAME":  {run: (*conn).cmdSetname, params: 1},
	"WHO":      {run: (*conn).cmdWho, query: true},
	"WHOIS":    {run: (*conn).cmdWhois, query: true},
	"WHOWAS":   {run: (*conn).cmdWhowas, targets: true},
	"ISON":     {run: (*conn).cmdIson, params: 1},
	"USERHOST": {run: (*conn).cmdUserhost, params: 1},

	"ISUPPORT": {run: (*conn).cmdISupport, earlyCap: capExtendedISupport},
	"LUSERS":   {run: (*conn).cmdLusers},
	"MOTD":     {run: (*conn).cmdMotd, server: true},
	"VERSION":  {run: (*conn).cmdVersion, server: true},
	"TIME":     {run: (*conn).cmdTime, server: true},
	"ADMIN":    {run: (*conn).cmdAdmin, server: true},
	"INFO":     {run: (*conn).cmdInfo, server: true},
	"LINKS":    {run: (*conn).cmdLinks},
	"HELP":     {run: (*conn).cmdHelp},
	"HELPOP":   {run: (*conn).cmdHelp},

	"OPER":    {run: (*conn).cmdOper, params: 2},
	"KILL":    {run: (*conn).cmdOperOnly},
	"REHASH":  {run: (*conn).cmdOperOnly},
	"RESTART": {run: (*conn).cmdOperOnly},
	"DIE":     {run: (*conn).cmdOperOnly},
	"SQUIT":   {run: (*conn).cmdOperOnly},
	"CONNECT": {run: (*conn).cmdOperOnly},
	"WALLOPS": {run: (*conn).cmdOperOnly},
}

// handleLine handles one line of input. An error ends the connection.
func (c *conn) handleLine(ctx context.Context, in *inbound) error {
	first := !c.begun
	c.begun, c.lineAt = true, in.at
	text, converted := wire.ToUTF8(in.text)
	if first && (in.tooLong || wire.LooksLikeHTTP(in.text)) {
		return notIRC(in)
	}
	if in.tooLong {
		c.beginResponse(labelOf(c.caps, text))
		defer c.endResponse()
		tags, command, _ := wire.Cut(text)
		c.tellError(strings.ToUpper(command), errorReply(wire.ERR_INPUTTOOLONG, "The line was too long and was ignored: send at most 8192 bytes, and 4094 bytes of tags"))
		return c.loseFromMultiline(ctx, tags)
	}
	// Show pending presence first, so that older news never contradict a JOIN or PART in
	// this command's replies.
	c.showPresence()
	c.beginResponse(labelOf(c.caps, text))
	m, err := wire.Parse(text)
	if err != nil {
		c.log.Trace().Err(err).Msg("line not understood")
		c.reply(irc.ERR_UNKNOWNCOMMAND, "*", "That is not an IRC command")
		c.endResponse()
		return nil
	}
	if m.Command == "PASS" {
		m.Params = []string{wire.RawParams(text)}
	}
	if err := c.answer(ctx, m.Command, c.dispatch(ctx, m, in.part, converted)); err != nil {
		return err // finish ends the response
	}
	c.endResponse()
	return nil
}

// dispatch checks the requirements of the table and runs the command.
func (c *conn) dispatch(ctx context.Context, m *irc.Message, part, converted bool) error {
	cmd, ok := commands[m.Command]
	if !ok {
		return errorReply(irc.ERR_UNKNOWNCOMMAND, "Unknown command", m.Command)
	}
	c.traceIn(m)
	if !c.registered && !cmd.early && !c.caps.has(cmd.earlyCap) {
		return errorReply(irc.ERR_NOTREGISTERED, "You have not logged in yet")
	}
	if converted && c.registered {
		c.invalidUTF8(m.Command)
	}
	if ref, ok := m.Tags[tagBatch]; ok && (part || c.takesBatches()) {
		opener := openerOf(m.Command)
		if b := c.multi.open; b != nil && b.command == "PRIVMSG" {
			opener = "BATCH"
		}
		return c.answer(ctx, opener, c.addToMultiline(m, ref)) // its errors are those of the batch
	}
	given := len(m.Params)
	for given > 0 && m.Params[given-1] == "" {
		given--
	}
	if given < cmd.params {
		return errorReply(irc.ERR_NEEDMOREPARAMS, "Not enough parameters", m.Command)
	}
	if cmd.server {
		if err := c.otherServer(m.Param(0)); err != nil {
			return err
		}
	}
	if c.registered {
		var cancel context.CancelFunc
		ctx, cancel = withPatience(ctx)
		defer cancel()
	}
	return cmd.run(c, ctx, m)
}

// each handles the targets of a command one by one. The client is told of an error of one, and the
// others follow. What was sent is flushed in between, so that a long answer does not pile up.
func (c *conn) each(ctx context.Context, command string, targets []string, handle func(target string) error) error {
	for _, target := range targets {
		if err := c.answer(ctx, command, handle(target)); err != nil {
			return err
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) cmdIgnore(context.Context, *irc.Message) error { return nil }

func (c *conn) cmdPing(_ context.Context, m *irc.Message) error {
	if m.Param(0) == "" {
		return errorReply(irc.ERR_NOORIGIN, "No origin specified")
	}
	c.send(c.pong(m.Param(0)))
	return nil
}

// pong is the answer to a PING. It may be called from any goroutine.
func (c *conn) pong(token string) *wire.Line {
	return &wire.Line{Source: c.srv.source, Command: "PONG", Params: []string{c.srv.source, token}, Trailing: true}
}

func (c *conn) cmdQuit(_ context.Context, m *irc.Message) error {
	quit := "Quit"
	if text := wire.Clip(wire.CleanText(m.Param(0)), maxReason); text != "" {
		quit += ": " + text
	}
	return &closing{text: quit, quit: quit, cause: "quit"}
}
