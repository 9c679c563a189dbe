/** What a date or time literal turned out to mean. */
export interface DecodedDateTime {
  readonly kind: 'datetime';
  readonly days: number;
  /** Microseconds of the day, 0 to 86400000000. */
  readonly micros: number;
  /** Seconds east of UTC, if the text says. */
  readonly offset: number | undefined;
}

export interface DecodedSpecial {
  readonly kind: 'infinity' | '-infinity' | 'epoch';
}

export interface DecodedTime {
  readonly micros: number;
  /** Seconds east of UTC: given, or the session's zone at that time. */
  readonly offset: number;
}
