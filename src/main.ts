#!/usr/bin/env node
import { Command } from 'commander';
import { serve } from './cli/serve.ts';

const program = new Command('pgtide')
  .description(
    'PostgreSQL to every client; per-user tables, hot rows in LevelDB, cold rows in Parquet',
  )
  .showHelpAfterError('(pgtide --help lists the commands)');
program.addCommand(serve);
await program.parseAsync();
