/** ISO 8601 durations: with designators (`P1Y2M3DT4H5M6S`) and in the alternative format (`P0001-02-03T04:05:06`). */
import type { Interval } from '../value.ts';
import { badFormat } from './errors.ts';
import type { IntervalUnit } from './interval-sum.ts';
import { addToSum, emptySum } from './interval-sum.ts';
import { checkedInterval } from './interval.ts';

const dateUnits: Readonly<Record<string, IntervalUnit>> = {
  Y: 'year',
  M: 'month',
  W: 'week',
  D: 'day',
};
const timeUnits: Readonly<Record<string, IntervalUnit>> = { H: 'hour', M: 'minute', S: 'second' };

const partPattern = /(-?)(\d*)(\.\d*)?/y;

interface Part {
  readonly whole: bigint;
  readonly fraction: number;
  readonly digits: number;
  readonly end: number;
}

function readPart(text: string, at: number): Part {
  partPattern.lastIndex = at;
  const match = partPattern.exec(text)!;
  const [all, sign, digits, fraction] = match;
  if (digits === '' && (fraction ?? '.') === '.') throw badFormat();
  const whole = BigInt(digits === '' ? '0' : digits!);
  const part = fraction === undefined ? 0 : Number(`0${fraction}`);
  return {
    whole: sign === '-' ? -whole : whole,
    fraction: sign === '-' ? -part : part,
    digits: digits!.length + (sign === '' ? 0 : 1),
    end: at + all!.length,
  };
}

/** yyyymmdd or hhmmss run together: the parts that the digits stand for, the last with the fraction. */
function splitRun(
  part: Part,
  units: readonly [IntervalUnit, IntervalUnit, IntervalUnit],
): [IntervalUnit, bigint, number][] {
  const { whole, fraction } = part;
  return [
    [units[0], whole / 10000n, 0],
    [units[1], (whole / 100n) % 100n, 0],
    [units[2], whole % 100n, fraction],
  ];
}

export function decodeIsoInterval(text: string): Interval {
  if (text.length < 2 || text[0] !== 'P') throw badFormat();
  const sum = emptySum();
  const add = (unit: IntervalUnit, whole: bigint, fraction: number): void =>
    addToSum(sum, unit, whole, fraction);
  let inDate = true;
  let any = false;
  let at = 1;
  while (at < text.length) {
    if (text[at] === 'T') {
      inDate = false;
      any = false;
      at++;
      continue;
    }
    const part = readPart(text, at);
    const next = text[part.end] ?? '';
    const designated = (inDate ? dateUnits : timeUnits)[next];
    if (designated !== undefined) {
      add(designated, part.whole, part.fraction);
      at = part.end + 1;
    } else if (inDate && (next === '' || next === 'T') && part.digits === 8 && !any) {
      for (const piece of splitRun(part, ['year', 'month', 'day'])) add(...piece);
      at = part.end;
    } else if (!inDate && next === '' && part.digits === 6 && !any) {
      for (const piece of splitRun(part, ['hour', 'minute', 'second'])) add(...piece);
      at = part.end;
    } else if (
      !any &&
      (inDate ? next === '-' || next === '' || next === 'T' : next === ':' || next === '')
    ) {
      at = readAlternative(text, part, inDate, add);
    } else {
      throw badFormat();
    }
    any = true;
  }
  return checkedInterval(Number(sum.months), Number(sum.days), sum.micros);
}

/** yyyy[-mm[-dd]] or hh[:mm[:ss]]; returns where it ends. */
function readAlternative(
  text: string,
  first: Part,
  inDate: boolean,
  add: (unit: IntervalUnit, whole: bigint, fraction: number) => void,
): number {
  const separator = inDate ? '-' : ':';
  const units: readonly IntervalUnit[] = inDate
    ? ['year', 'month', 'day']
    : ['hour', 'minute', 'second'];
  let part = first;
  for (let i = 0; ; i++) {
    add(units[i]!, part.whole, part.fraction);
    const next = text[part.end] ?? '';
    if (next === '' || (inDate && next === 'T')) return part.end;
    if (next !== separator || i === units.length - 1) throw badFormat();
    part = readPart(text, part.end + 1);
  }
}
