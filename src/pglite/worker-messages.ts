/** What main thread and worker say to each other. */

export interface WorkerOptions {
  /** Directory of the cluster; undefined: in memory. */
  readonly dataDir: string | undefined;
  /** A tar of a cluster to start from when there is none yet; undefined: initdb. */
  readonly templateTar: string | undefined;
  /** Extra `-c name=value` settings of the server itself. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly responseBytesMax: number;
}

export type ToWorker =
  | {
      readonly kind: 'run';
      readonly id: number;
      /** Runs first; when it fails, `bytes` is not run. */
      readonly prelude: Uint8Array | undefined;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'dump'; readonly id: number; readonly path: string }
  | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly serverVersion: string }
  | { readonly kind: 'startFailed'; readonly message: string }
  | { readonly kind: 'response'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'preludeFailed'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'tooLarge'; readonly id: number; readonly responseBytes: number }
  | { readonly kind: 'dumped'; readonly id: number }
  /** The instance cannot go on; the thread ends after saying so. */
  | { readonly kind: 'broken'; readonly id: number; readonly message: string }
  | { readonly kind: 'closed' };
