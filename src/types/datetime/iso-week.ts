import { civilFromDays, dayOfWeek, daysFromCivil } from './civil.ts';

/** Monday of ISO week 1 of `year`: the week with January 4th. */
export function isoYearStart(year: number): number {
  const fourth = daysFromCivil(year, 1, 4);
  return fourth - ((dayOfWeek(fourth) + 6) % 7);
}

export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  let { year } = civilFromDays(days);
  if (days >= isoYearStart(year + 1)) year++;
  else if (days < isoYearStart(year)) year--;
  return { year, week: Math.floor((days - isoYearStart(year)) / 7) + 1 };
}
