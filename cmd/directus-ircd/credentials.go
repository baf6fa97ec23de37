package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"directus-ircd/directus"
)

// credentialFlags log a command in to Directus. The daemon itself has no
// credentials: it uses those of the people who connect.
type credentialFlags struct {
	Email         string `env:"DIRECTUS_EMAIL" placeholder:"EMAIL" help:"E-mail address to log in with; for check with login.provider, the name that this provider knows."`
	Password      string `env:"DIRECTUS_PASSWORD" placeholder:"PASSWORD" help:"Password of --email; \"-\" reads it from standard input, and without any it is asked for. On the command line other users of this machine can see it: prefer \"-\" or the environment."`
	PasswordStdin bool   `help:"The same as --password=-."`
	Token         string `env:"DIRECTUS_TOKEN" placeholder:"TOKEN" help:"Static token to use instead of an e-mail address; \"-\" reads it from standard input. The same warning holds."`
	TokenStdin    bool   `help:"The same as --token=-."`
	provider      string // of Directus, that the password is for; empty: its own login
	OTP           string `name:"otp" placeholder:"CODE" help:"One-time code, if the account has two-factor authentication."`
}

// given reports whether a login was asked for at all.
func (f *credentialFlags) given() bool {
	return f.Email != "" || f.Password != "" || f.PasswordStdin || f.Token != "" || f.TokenStdin
}

// complete reads what is on standard input and checks that the flags fit
// together. An error is a usageError.
func (f *credentialFlags) complete(env *environment) error {
	if f.PasswordStdin {
		f.Password = "-"
	}
	if f.TokenStdin {
		f.Token = "-"
	}
	switch {
	case f.Token != "" && f.Email != "":
		return usageError{errors.New("both a token and an e-mail address are given: use --token (DIRECTUS_TOKEN) or --email with --password (DIRECTUS_EMAIL, DIRECTUS_PASSWORD), not both")}
	case f.Token == "" && f.Email == "":
		return usageError{errors.New("no login is given: use --token (DIRECTUS_TOKEN), or --email and --password (DIRECTUS_EMAIL, DIRECTUS_PASSWORD)")}
	case f.Token == "-":
		return readSecret(env, "token", &f.Token)
	case f.Email != "" && (f.Password == "-" || f.Password == ""):
		return readSecret(env, "password", &f.Password)
	}
	return nil
}

// readSecret asks on a terminal, without echo, or takes the first line of what
// is piped in.
func readSecret(env *environment, what string, into *string) error {
	if stdin, ok := env.Stdin.(*os.File); ok && term.IsTerminal(int(stdin.Fd())) {
		fmt.Fprintf(env.Stderr, "Directus %s: ", what)
		secret, err := term.ReadPassword(int(stdin.Fd()))
		fmt.Fprintln(env.Stderr)
		if err != nil {
			return fmt.Errorf("read the %s: %w", what, err)
		}
		*into = string(secret)
	} else {
		line, err := bufio.NewReader(io.LimitReader(env.Stdin, 64<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the %s: %w", what, err)
		}
		*into = strings.TrimRight(line, "\r\n")
	}
	if *into == "" {
		return usageError{fmt.Errorf("the %s is empty: write it to standard input, or use --%[1]s or the environment", what)}
	}
	return nil
}

// login opens a Directus session, once: a refused password is not tried again.
func (f *credentialFlags) login(ctx context.Context, client *directus.Client) (*directus.Account, error) {
	if f.Token != "" {
		return client.LoginToken(ctx, f.Token)
	}
	return client.LoginWith(ctx, f.provider, f.Email, f.Password, f.OTP)
}
