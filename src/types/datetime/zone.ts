/**
 * Time zones. Rules come from the runtime's own copy of the tz database (Intl); offsets are cached per zone in windows of
 * about twelve days, so that a column of timestamps asks Intl a few hundred times at most. Offsets are seconds east of UTC.
 */
import { unixSecondsOfEpoch } from './civil.ts';

export interface Zone {
  /** As given by whoever asked first. */
  readonly name: string;
  /** Set when the offset never changes. */
  readonly fixedOffset: number | undefined;
  /** At an instant: seconds since 2000-01-01 UTC, any whole number. */
  offsetAt(utcSeconds: number): number;
  /** PST, CEST, +03: what the non-ISO date styles print. */
  abbreviationAt(utcSeconds: number): string;
}

/** `+05:30` in the shortest form that keeps it exact, as EncodeTimezone writes it. */
export function offsetText(secondsEast: number): string {
  const seconds = Math.abs(secondsEast);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hour = two(Math.floor(seconds / 3600));
  const minute = Math.floor(seconds / 60) % 60;
  const second = seconds % 60;
  const tail =
    second !== 0 ? `:${two(minute)}:${two(second)}` : minute !== 0 ? `:${two(minute)}` : '';
  return `${secondsEast < 0 ? '-' : '+'}${hour}${tail}`;
}

function fixedZone(name: string, secondsEast: number, abbreviation: string): Zone {
  return {
    name,
    fixedOffset: secondsEast,
    offsetAt: () => secondsEast,
    abbreviationAt: () => abbreviation,
  };
}

export const utcZone: Zone = fixedZone('UTC', 0, 'UTC');

const windowSeconds = 2 ** 20;
/** The Gregorian calendar, and so any yearly rule, repeats after this long. */
const cycleSeconds = 146_097 * 86_400;
/** Later instants are looked up in the same place of an earlier cycle (about the year 2400). */
const lookupMax = 400 * 365.2425 * 86_400;
/** Before this (about 1800) every zone keeps its first offset, local mean time. */
const lookupMin = -200 * 365.2425 * 86_400;

function intoLookupRange(utcSeconds: number): number {
  if (utcSeconds <= lookupMax) return utcSeconds;
  return utcSeconds - Math.ceil((utcSeconds - lookupMax) / cycleSeconds) * cycleSeconds;
}

interface OffsetWindow {
  readonly before: number;
  readonly after: number;
  /** First second at which `after` holds. */
  readonly changeAt: number;
}

const offsetPattern = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** Locales whose short zone names between them cover the abbreviations of the tz database that Intl knows. */
const abbreviationLocales = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA', 'en-CA'];

function abbreviationFinder(timeZone: string): (unixMs: number) => string | undefined {
  let formats: Intl.DateTimeFormat[] | undefined;
  return (unixMs) => {
    formats ??= abbreviationLocales.map(
      (locale) => new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'short' }),
    );
    for (const format of formats) {
      const name = format.formatToParts(unixMs).find((part) => part.type === 'timeZoneName')?.value;
      if (name !== undefined && /^[A-Z]{3,5}$/.test(name)) return name;
    }
    return undefined;
  };
}

function ruledZone(name: string): Zone | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
  const ask = (utcSeconds: number): number => {
    const text = format.format((utcSeconds + unixSecondsOfEpoch) * 1000);
    const match = offsetPattern.exec(text);
    if (!match || match[1] === undefined) return 0;
    const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
    return match[1] === '-' ? -seconds : seconds;
  };
  const build = (start: number): OffsetWindow => {
    const before = ask(start);
    const after = ask(start + windowSeconds - 1);
    let low = start;
    let high = start + windowSeconds - 1;
    while (before !== after && high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (ask(middle) === before) low = middle;
      else high = middle;
    }
    return { before, after, changeAt: high };
  };
  const windows = new Map<number, OffsetWindow>();
  const offsetAt = (utcSeconds: number): number => {
    const at = Math.max(intoLookupRange(utcSeconds), lookupMin);
    const index = Math.floor(at / windowSeconds);
    let window = windows.get(index);
    if (!window) {
      window = build(index * windowSeconds);
      windows.set(index, window);
    }
    return at < window.changeAt ? window.before : window.after;
  };
  const findAbbreviation = abbreviationFinder(name);
  return {
    name,
    fixedOffset: undefined,
    offsetAt,
    abbreviationAt(utcSeconds) {
      const offset = offsetAt(utcSeconds);
      // Only local mean time has odd seconds.
      if (offset % 60 !== 0) return 'LMT';
      const at = Math.max(intoLookupRange(utcSeconds), lookupMin);
      return findAbbreviation((at + unixSecondsOfEpoch) * 1000) ?? offsetText(offset);
    },
  };
}

const utcNames = new Set(
  ['utc', 'gmt', 'uct', 'zulu', 'universal', 'greenwich', 'gmt0', 'gmt+0', 'gmt-0'].flatMap(
    (name) => [name, `etc/${name}`],
  ),
);

/** POSIX: `<+02>-02`, `UTC-5:30`, `EST5`; the sign is west-positive, so it is turned around. */
const posixPattern =
  /^(?:([A-Za-z]{3,})|<([A-Za-z0-9+:-]{3,})>|)([+-]?)(\d{1,3})(?::(\d{1,2}))?(?::(\d{1,2}))?$/;

function posixZone(name: string): Zone | undefined {
  const match = posixPattern.exec(name);
  if (!match) return undefined;
  const hours = Number(match[4]);
  if (hours > 167 || Number(match[5] ?? 0) > 59 || Number(match[6] ?? 0) > 59) return undefined;
  const seconds = hours * 3600 + Number(match[5] ?? 0) * 60 + Number(match[6] ?? 0);
  const east = match[3] === '-' ? seconds : 0 - seconds;
  return fixedZone(name, east, match[1] ?? match[2] ?? offsetText(east));
}

function buildZone(name: string): Zone | undefined {
  const lower = name.toLowerCase();
  if (utcNames.has(lower))
    return fixedZone(name, 0, lower.includes('gmt') || lower.includes('green') ? 'GMT' : 'UTC');
  // Intl takes bare offsets such as +02:00, with the opposite sign of PostgreSQL's.
  if (!/^[A-Za-z]/.test(name)) return posixZone(name);
  return ruledZone(name) ?? posixZone(name);
}

/** Zones are few, names come from clients: past this many the cache starts over. */
const cachedZonesMax = 1000;
const zones = new Map<string, Zone | undefined>();

/** A zone by its tz database name (any case) or POSIX specification; undefined when there is none. */
export function findZone(name: string): Zone | undefined {
  if (name === 'UTC') return utcZone;
  if (zones.has(name)) return zones.get(name);
  const zone = buildZone(name);
  if (zones.size >= cachedZonesMax) zones.clear();
  zones.set(name, zone);
  return zone;
}

/**
 * The offset that a local time has. In the gap of a spring change the earlier offset counts, in the overlap of an autumn
 * change the later one, as in DetermineTimeZoneOffset. `localSeconds` is the local time read as if it were UTC.
 */
export function offsetOfLocal(zone: Zone, localSeconds: number): number {
  if (zone.fixedOffset !== undefined) return zone.fixedOffset;
  const before = zone.offsetAt(localSeconds - 86_400);
  const after = zone.offsetAt(localSeconds + 86_400);
  if (before === after) return before;
  const afterHolds = zone.offsetAt(localSeconds - after) === after;
  return afterHolds ? after : before;
}

/** Years whose winter and summer show the abbreviations that a zone has had in living memory; later ones count more. */
const abbreviationYears = [1975, 1990, 2005, 2026];
const secondsPerYear = 31_556_952;
const ownAbbreviations = new Map<string, ReadonlyMap<string, number>>();

/** The zone's own abbreviations, lower case, with their offsets in seconds east. */
export function abbreviationsOf(zone: Zone): ReadonlyMap<string, number> {
  const known = ownAbbreviations.get(zone.name);
  if (known) return known;
  const found = new Map<string, number>();
  for (const year of abbreviationYears) {
    for (const at of [year - 2000 + 0.03, year - 2000 + 0.53]) {
      const seconds = Math.round(at * secondsPerYear);
      found.set(zone.abbreviationAt(seconds).toLowerCase(), zone.offsetAt(seconds));
    }
  }
  if (ownAbbreviations.size >= cachedZonesMax) ownAbbreviations.clear();
  ownAbbreviations.set(zone.name, found);
  return found;
}

/**
 * What `SET TimeZone` stores and SHOW shows for `setting`: numbers are hours east (`<+02>-02`), tz database names get
 * their usual capitals. undefined: no such zone (22023 is the caller's).
 */
export function canonicalZoneName(setting: string): string | undefined {
  const hours = Number(setting);
  if (setting.trim() !== '' && Number.isFinite(hours)) {
    if (Math.abs(hours) > 167) return undefined;
    const seconds = Math.round(hours * 3600);
    const west = seconds === 0 ? '-00' : offsetText(0 - seconds);
    return `<${offsetText(seconds)}>${west}`;
  }
  const zone = findZone(setting);
  if (!zone) return undefined;
  const lower = setting.toLowerCase();
  if (lower === 'utc' || lower === 'gmt') return lower.toUpperCase();
  if (zone.fixedOffset !== undefined) return setting;
  const resolved = new Intl.DateTimeFormat('en-US', { timeZone: setting }).resolvedOptions()
    .timeZone;
  if (resolved.toLowerCase() === lower) return resolved;
  return /[A-Z]/.test(setting)
    ? setting
    : lower.replace(/(?:^|[/_-])[a-z]/g, (part) => part.toUpperCase());
}
