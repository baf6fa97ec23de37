package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/check"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
	"directus-ircd/directus/setup"
)

// setupLogout limits the logout at the end, even of a setup that was interrupted.
const setupLogout = 5 * time.Second

type setupCmd struct {
	URL string `name:"url" required:"" placeholder:"URL" help:"Address of Directus, such as https://chat.example.com."`
	credentialFlags
	CA         string `name:"ca" placeholder:"FILE" help:"PEM file of the authority that signed the certificate of Directus, if this machine does not know it."`
	ClientCert string `placeholder:"FILE" help:"PEM file of the certificate to present, if the proxy in front of Directus asks for one."`
	ClientKey  string `placeholder:"FILE" help:"PEM file of the private key of --client-cert."`

	Wait waitFlag `placeholder:"DURATION" help:"Wait until Directus answers, up to 5m, or as long as --wait=DURATION says: for a service that starts together with Directus."`

	AttachRole []string `sep:"none" placeholder:"ROLE" help:"Name or id of an existing role that gets the permissions of the chat; can be repeated. Then setup makes no role of its own."`
	AttachUser []string `sep:"none" placeholder:"USER" help:"E-mail address, name or id of a user who gets the permissions of the chat beside those of their role; can be repeated. Not with Directus 10."`
	Out        string   `placeholder:"FILE" help:"Save the configuration in this file, unless there is one."`

	Collection  string   `default:"messages" placeholder:"NAME" help:"Collection for the messages (${default})."`
	Role        string   `placeholder:"NAME" help:"Name of the role of the people who chat, and of its policy (IRC users, or the name that an earlier run gave it)."`
	TextField   string   `default:"text" placeholder:"NAME" help:"Field of the text (${default})."`
	AuthorField string   `default:"user_created" placeholder:"NAME" help:"Field of the author, filled in by Directus (${default})."`
	DateField   string   `default:"date_created" placeholder:"NAME" help:"Field of the time, filled in by Directus (${default})."`
	NonceField  string   `default:"nonce" placeholder:"NAME" help:"Unique field that keeps a message from being stored twice (${default})."`
	Nick        []string `default:"first_name,last_name" placeholder:"NAME" help:"Fields of the users from which nicks are made; the role may read them (${default})."`
	Extend      bool     `help:"Add the fields that an existing collection lacks, and the relation to the users for an author field that is not a UUID."`
	Widen       bool     `help:"Make a short text field of an existing collection a text, which has no limit, but 65535 bytes on MySQL and MariaDB."`
	UsersNarrow bool     `help:"Never let the role read all fields of the users, which include e-mail addresses. Directus 12 without a licence cannot grant less: people are then shown without names."`
	Replies     bool     `help:"Add a field for the message that a message answers."`
	Files       bool     `help:"Add a field for a file, and let the role read the files of Directus."`
	Reactions   bool     `help:"Make a collection for reactions, and with --private another for those to private messages."`
	ReadMarkers bool     `help:"Make a collection for read markers: up to which time each user has read."`
	Rooms       bool     `help:"Make a collection of rooms, each of which is a channel, and a field of the messages for their room. Directus 12 without a licence cannot keep a room to its members: all rooms are then open to everybody with the role."`
	Edit        bool     `help:"Let people change and delete their own messages. Directus 12 without a licence can only allow it for all messages, but the daemon still lets only authors and administrators do it."`
	Private     bool     `help:"Make a collection for messages between two people, which only those two may read. Directus 12 without a licence cannot grant that: the collection is then left out."`

	PrivateReadable bool `help:"With --private: make the collection even if everybody with the role can then read all private messages over the Directus API."`

	DryRun bool `short:"n" help:"Show what would be done, and change nothing."`
}

func (setupCmd) Help() string {
	return `Setup needs the login or a static token of an administrator. It makes what is missing and overwrites nothing, so you can run it again at any time. To an existing collection it adds fields only with --extend. An author field without a relation gets one to the users if it is a UUID that Directus fills in, with --extend also if it is of another type, and never if Directus does not fill it in. A user of Directus has one role, and any number of policies: people who have a role already keep it, and get the policy of the chat with --attach-role or --attach-user. At the end setup prints the whole configuration, to be saved.`
}

// Run prepares a Directus and prints what it did.
func (c *setupCmd) Run(ctx context.Context, env *environment) error {
	client, err := c.client()
	if err != nil {
		return usageError{err}
	}
	defer client.Close()
	if err := c.options().Validate(); err != nil {
		return usageError{err}
	}
	if c.Out != "" && !c.DryRun {
		if err := savable(c.Out); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	if err := c.complete(env); err != nil {
		return err
	}
	account, err := c.reach(ctx, env, client)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), setupLogout)
		defer cancel()
		if err := account.Logout(ending); err != nil {
			fmt.Fprintf(env.Stderr, "directus-ircd: log out of directus: %v; the session ends by itself\n", err)
		}
	}()

	report, err := setup.Run(ctx, account, c.options())
	fmt.Fprint(env.Stdout, report)
	if err != nil && (c.DryRun || len(report.Steps) == 0) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w\nWhat is listed above is done. Run setup again to continue", err)
	}
	if !report.Changed() {
		fmt.Fprintln(env.Stdout, "\nNothing was changed.")
	}
	if report.Usable() && !c.DryRun {
		if err := c.configuration(env, report); err != nil {
			return err
		}
	}
	switch {
	case report.Complete():
		return nil
	case report.Usable() && len(report.LeftOut) > 0:
		return fmt.Errorf("left out of the configuration: what %s asked for. The lines with \"differs\" above say why", strings.Join(report.LeftOut, ", "))
	}
	return errors.New("something is not as asked for: see the lines with \"differs\" above")
}

// reach logs in to Directus, as soon as it answers.
func (c *setupCmd) reach(ctx context.Context, env *environment, client *directus.Client) (account *directus.Account, err error) {
	err = c.Wait.until(ctx, env.Stderr, func(ctx context.Context) error {
		if err := client.Ping(ctx); err != nil {
			return fmt.Errorf("directus does not answer at %s: %w: %s", c.URL, err, check.ReachHint("--url", c.URL, err))
		}
		var err error
		if account, err = c.login(ctx, client); err != nil {
			return fmt.Errorf("log in to directus: %w: %s", err, check.LoginHint(err))
		}
		return nil
	})
	return account, err
}

// client is a client of the Directus that the flags name, without a login.
func (c *setupCmd) client() (*directus.Client, error) {
	if err := config.CheckURL(c.URL); err != nil {
		return nil, fmt.Errorf("--url: %w: write the address of your Directus, such as https://chat.example.com", err)
	}
	base, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("--url is not an address")
	}
	trust := config.Directus{URL: c.URL, CA: c.CA, ClientCertificate: config.KeyPair{Cert: c.ClientCert, Key: c.ClientKey}}
	flags := map[string]string{"ca": "--ca", "client_certificate": "--client-cert and --client-key"}
	var wrong []error
	trust.LoadTLS(func(key string, err error) { wrong = append(wrong, fmt.Errorf("%s: %w", flags[key], err)) })
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return directus.New(base, directus.Options{TLS: trust.TLS}), nil
}

func (c *setupCmd) options() setup.Options {
	return setup.Options{
		Collection:  c.Collection,
		Role:        c.Role,
		AttachRoles: c.AttachRole,
		AttachUsers: c.AttachUser,
		Fields:      setup.Fields{Text: c.TextField, Author: c.AuthorField, Date: c.DateField, Nonce: c.NonceField},
		NickFields:  c.Nick,
		UsersNarrow: c.UsersNarrow,
		Extend:      c.Extend,
		Widen:       c.Widen,
		Replies:     c.Replies,
		Files:       c.Files,
		Edit:        c.Edit,
		Reactions:   c.Reactions,
		ReadMarkers: c.ReadMarkers,
		Rooms:       c.Rooms,
		Private:     c.Private, PrivateReadable: c.PrivateReadable,
		DryRun: c.DryRun,
	}
}

// configuration saves the configuration that fits, or prints it.
func (c *setupCmd) configuration(env *environment, report setup.Report) error {
	text, head := report.Config(c.connection()), "The whole configuration, to be saved as config.yaml:"
	saved, err := "", error(nil)
	if c.Out != "" {
		saved, err = save(c.Out, text)
		head = c.Out + " exists and is left as it is. The whole configuration that fits:"
		if err != nil {
			head = "The whole configuration, which could not be saved:"
		}
	}
	if saved == "" {
		saved = head + "\n\n" + text
	}
	fmt.Fprintf(env.Stdout, "\n%s\nTry it as somebody who will chat: directus-ircd check --config %s --email EMAIL\n", saved, cmp.Or(c.Out, "config.yaml"))
	return err
}

// connection is what the flags say of the way to Directus. The files are named by their whole paths, because the daemon runs
// in another folder.
func (c *setupCmd) connection() setup.Connection {
	d := setup.Connection{URL: c.URL, CA: whole(c.CA)}
	if c.ClientCert != "" {
		d.Certificate = &setup.KeyPair{Cert: whole(c.ClientCert), Key: whole(c.ClientKey)}
	}
	return d
}

// whole is the path of a file from the root; empty for none.
func whole(file string) string {
	if absolute, err := filepath.Abs(file); err == nil && file != "" {
		return absolute
	}
	return file
}
