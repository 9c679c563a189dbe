import { describe, expect, test } from 'vitest';
import { completeLock, platformOf } from '../../scripts/complete-lock.mjs';
import { reasonToInstall } from '../../scripts/setup.mjs';
import { countsOf } from '../../scripts/test.mjs';
import { readRepositoryFile } from './files.ts';

describe('package-lock.json', () => {
  test('names no registry and lacks no platform, so that npm ci works anywhere', () => {
    expect(completeLock(JSON.parse(readRepositoryFile('package-lock.json'))).changes).toEqual([]);
  });

  test('is completed with what an optional dependency lacks', () => {
    const lock = {
      packages: {
        'node_modules/a': {
          version: '1.0.0',
          resolved: 'x',
          optionalDependencies: { '@b/c-linux-arm64-musl': '2.0.0' },
        },
      },
    };
    const { lock: complete, changes } = completeLock(lock);
    expect(changes).toEqual(['resolved of node_modules/a', '@b/c-linux-arm64-musl@2.0.0']);
    expect(complete.packages).toMatchObject({
      'node_modules/@b/c-linux-arm64-musl': {
        version: '2.0.0',
        os: ['linux'],
        cpu: ['arm64'],
        libc: ['musl'],
      },
    });
    expect(completeLock(complete).changes).toEqual([]);
    expect(platformOf('@b/plain')).toBeUndefined();
  });
});

describe('setup', () => {
  const wanted = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '1.0.0', optional: true },
    },
  };

  test('installs when something wanted is missing or of another version', () => {
    expect(reasonToInstall(wanted, undefined)).toBe('node_modules is missing');
    expect(reasonToInstall(wanted, { packages: {} })).toBe('a has changed');
    expect(reasonToInstall(wanted, { packages: { 'node_modules/a': { version: '1.0.1' } } })).toBe(
      'a has changed',
    );
  });

  test('does nothing when all is there; a package of another platform need not be', () => {
    expect(
      reasonToInstall(wanted, { packages: { 'node_modules/a': { version: '1.0.0' } } }),
    ).toBeUndefined();
  });
});

describe('the counts of a test run', () => {
  const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0 };

  test('hold a file that failed as a whole', () => {
    const failedTest = { status: 'failed', assertionResults: [{ status: 'failed' }] };
    const failedFile = { status: 'failed', assertionResults: [] };
    expect(countsOf({ ...report, testResults: [failedTest] })).toMatchObject({
      passed: 3,
      failed: 1,
    });
    expect(countsOf({ ...report, testResults: [failedTest, failedFile] })).toMatchObject({
      failed: 2,
    });
  });
});
