/**
 * A command that a person has written down. A list runs as it is, without a shell; one string runs as
 * `/bin/sh -c`. Nothing out of a database, an event or an argument list is ever put into it.
 */
export type Command = readonly [string, ...string[]] | string;
