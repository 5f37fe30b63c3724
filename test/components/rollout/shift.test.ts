import assert from 'node:assert/strict';
import { AT_REST, formatNote, parseNote } from '../../../components/rollout/alias-note.ts';
import { plan } from '../../../components/rollout/plan.ts';
import { shift, type Rollout, type Shifted } from '../../../components/rollout/shift.ts';
import { SAM_TYPES, type SamType } from '../../../components/rollout/strategy.ts';
import { FunctionFailure } from '../../support/aws-double/aws-double.ts';
import { MINUTE_MS, rolloutScene, type RolloutScene } from './rollout-scene.ts';

const LINEAR = 'Linear10PercentEvery1Minute';

function messageOf(shifted: Shifted): string {
  return 'message' in shifted ? shifted.message : '';
}

/** A rollout that is not to get through: its outcome, and that all traffic is where it was. */
async function sentBack(
  scene: RolloutScene,
  rollout: Rollout,
  options?: Parameters<RolloutScene['shift']>[1],
): Promise<string> {
  const shifted = await scene.shift(rollout, options);
  assert.equal(shifted.outcome, 'sent_back', messageOf(shifted));
  assert.deepEqual(scene.traffic(), { 1: 100 });
  return messageOf(shifted);
}

/** Seconds from a moment until all traffic was back. */
function backAfter(scene: RolloutScene, moment: number): number {
  const [at, ...traffic] = scene.moves().at(-1)!;
  assert.deepEqual(traffic, ['1', 0]);
  return at - moment;
}

describe('a rollout that nothing speaks against', () => {
  for (const type of Object.keys(SAM_TYPES) as SamType[]) {
    it(`moves traffic exactly as ${type} says, watches, and checks before and after`, async () => {
      const scene = rolloutScene();
      const events: unknown[] = [];
      scene.aws.functions.get('settlement')!.invoke = (version, event) => {
        events.push([version, event, scene.traffic()]);
        return { ok: true, checked: ['the database'] };
      };
      assert.deepEqual(await scene.shift(scene.rollout(type)), { outcome: 'shifted', from: '1' });
      const { steps, shiftMs } = plan(SAM_TYPES[type]);
      assert.deepEqual(scene.moves(), [
        [0, '1', 0],
        ...steps.map(({ atMs, percent }) => [atMs / 1000, percent === 100 ? '2' : '1', percent % 100]),
        [(shiftMs + 3 * MINUTE_MS) / 1000, '2', 0],
      ]);
      assert.deepEqual(events, [
        ['2', { dry_run: true, stage: 'before' }, { 1: 100 }],
        ['2', { dry_run: true, stage: 'after' }, { 2: 100 }],
      ]);
      assert.equal(scene.aws.alias('settlement').description, AT_REST);
    });
  }

  it('tells each step in one line: versions, percent, time gone and left, alarms', async () => {
    const scene = rolloutScene();
    await scene.shift(scene.rollout(LINEAR));
    const steps = scene.said.filter((line) => line.includes('· step '));
    assert.equal(steps.length, 10);
    assert.equal(
      steps[2],
      '2/3 traffic shifting (트래픽 전환) · settlement version 1 → 2: 30 % · step 3 of 10 · 2:00 gone, 10:00 left · alarms: errors OK',
    );
    assert.match(scene.said[0]!, /^1\/3 check before \(배포 전 확인\)/);
    assert.match(scene.said.at(-1)!, /^3\/3 check after \(배포 후 확인\) .* version 2 serves everything/);
  });

  it('changes nothing when all traffic is there', async () => {
    const scene = rolloutScene();
    assert.deepEqual(await scene.shift(scene.rollout(LINEAR, { to: '1' })), { outcome: 'unchanged' });
    assert.deepEqual(scene.moves(), []);
  });

  it('keeps the newest versions, and those that an alias names', async () => {
    const scene = rolloutScene();
    for (const version of ['5', '6', '7']) scene.aws.publish('settlement', version);
    await scene.shift(scene.rollout('AllAtOnce', { to: '7', keepVersions: 2 }));
    assert.deepEqual([...scene.aws.functions.get('settlement')!.versions.keys()], ['1', '6', '7']);
    assert.match(scene.said.at(-1)!, /deleted the old versions 5, 4, 3 and 2/);
  });

  it('is through although old versions cannot be deleted', async () => {
    const scene = rolloutScene();
    scene.aws.fail('DeleteFunction', 'throttle', 9);
    const shifted = await scene.shift(scene.rollout('AllAtOnce', { to: '4', keepVersions: 1 }));
    assert.equal(shifted.outcome, 'shifted');
    assert.match(scene.said.at(-1)!, /old versions could not be deleted/);
  });
});

describe('a rollout that is refused before anything moves', () => {
  const refusals: {
    what: string;
    arrange: (scene: RolloutScene) => void;
    rollout?: Partial<Rollout>;
    type?: SamType;
    says: RegExp;
  }[] = [
    {
      what: 'an alarm that fires already',
      arrange: ({ aws }) => aws.alarms.set('errors', 'ALARM'),
      says: /the alarm errors is in ALARM.*ROLLOUT_IGNORE_ALARMS=true npx pulumi up/,
    },
    {
      what: 'an alarm that is not there',
      arrange: ({ aws }) => aws.alarms.delete('errors'),
      says: /the alarm errors cannot be read, or is not there/,
    },
    {
      what: 'alarms that cannot be read',
      arrange: ({ aws }) => aws.fail('DescribeAlarms', 'throttle', 99),
      says: /the alarm errors cannot be read/,
    },
    {
      what: 'another role',
      arrange: ({ aws }) => aws.publish('settlement', '2', { role: 'arn:aws:iam::000000000000:role/two' }),
      says: /another role than version 1 .*role\/one → .*role\/two.*ROLLOUT_STRATEGY=AllAtOnce npx pulumi up/,
    },
    {
      what: 'another dead-letter queue',
      arrange: ({ aws }) => aws.publish('settlement', '2', { deadLetter: 'arn:aws:sqs:x:y:dead' }),
      says: /another dead-letter queue than version 1 \(none → arn:aws:sqs:x:y:dead\)/,
    },
    {
      what: 'a version that cannot be invoked',
      arrange: ({ aws }) => aws.publish('settlement', '2', { state: 'Failed' }),
      says: /version 2 cannot be invoked: it is failed/,
    },
    {
      what: 'credentials of another account',
      arrange: () => undefined,
      rollout: { account: '999999999999' },
      says: /in the account 999999999999, and the credentials at hand are of 000000000000/,
    },
    {
      what: "a person's mark",
      arrange: ({ aws }) =>
        aws.change('settlement', {
          version: '1',
          description: formatNote({
            kind: 'aborted',
            by: 'kim',
            reason: 'payouts look odd',
            at: new Date(0),
          }),
        }),
      says: /kim aborted its rollout .*payouts look odd.*"smart-transfer rollout resume"/,
    },
    {
      what: 'a check that fails',
      arrange: ({ aws }) => {
        aws.functions.get('settlement')!.invoke = () => {
          throw new FunctionFailure('the secret bank-payout has no value');
        };
      },
      says: /the check before failed on version 2: the secret bank-payout has no value/,
    },
    {
      what: 'a check that answers something else',
      arrange: ({ aws }) => {
        aws.functions.get('settlement')!.invoke = () => ({ batchItemFailures: [] });
      },
      says: /it answered \{"batchItemFailures":\[\]\} and not \{"ok": true/,
    },
    {
      what: 'a function that is throttled for good',
      arrange: ({ aws }) => aws.fail('Invoke', 'throttle', 99),
      says: /Invoke: TooManyRequestsException/,
    },
  ];
  for (const { what, arrange, rollout, type = LINEAR, says } of refusals) {
    it(`says why: ${what}`, async () => {
      const scene = rolloutScene();
      arrange(scene);
      const shifted = await scene.shift(scene.rollout(type, rollout));
      assert.equal(shifted.outcome, 'refused', messageOf(shifted));
      assert.match(messageOf(shifted), /^settlement: version 2 got no traffic: /);
      assert.match(messageOf(shifted), says);
      assert.deepEqual(scene.traffic(), { 1: 100 });
      assert.ok(scene.aws.history('settlement').every(({ weights }) => Object.keys(weights).length === 0));
      assert.notEqual(parseNote(scene.aws.alias('settlement').description)?.kind, 'shifting');
    });
  }

  it('is none that goes at once with another role: weights are not needed', async () => {
    const scene = rolloutScene();
    scene.aws.publish('settlement', '2', { role: 'arn:aws:iam::000000000000:role/two' });
    assert.equal((await scene.shift(scene.rollout('AllAtOnce'))).outcome, 'shifted');
  });

  it('waits for a version that is still being made', async () => {
    const scene = rolloutScene();
    scene.aws.publish('settlement', '2', { state: 'Pending' });
    scene.clock.after(40_000, () => scene.aws.publish('settlement', '2'));
    assert.equal((await scene.shift(scene.rollout('AllAtOnce'))).outcome, 'shifted');
    assert.equal(scene.moves()[0]?.[0], 45);
  });
});

describe('alarms during a rollout', () => {
  it('send all traffic back within a poll interval, whenever they fire', async () => {
    for (let firesAtS = 1; firesAtS < 12 * 60; firesAtS += 7) {
      const scene = rolloutScene();
      scene.clock.after(firesAtS * 1000, () => scene.aws.alarms.set('errors', 'ALARM'));
      const message = await sentBack(scene, scene.rollout(LINEAR));
      assert.match(message, /all traffic is back on version 1: the alarm errors is in ALARM/);
      const seconds = backAfter(scene, firesAtS);
      assert.ok(seconds >= 0 && seconds <= 15, `fired at ${firesAtS} s, back after ${seconds} s`);
    }
  });

  it('that become unreadable count as firing', async () => {
    const scene = rolloutScene();
    scene.clock.after(100_000, () => scene.aws.alarms.delete('errors'));
    const message = await sentBack(scene, scene.rollout(LINEAR));
    assert.match(
      message,
      /the alarm errors cannot be read, or is not there\. Version 2 had up to 20 % for 1:45/,
    );
  });

  it('without data do not fire', async () => {
    const scene = rolloutScene();
    scene.aws.alarms.set('errors', 'INSUFFICIENT_DATA');
    assert.equal((await scene.shift(scene.rollout(LINEAR))).outcome, 'shifted');
  });

  it('that are throttled now and then do not', async () => {
    const scene = rolloutScene();
    scene.clock.after(90_000, () => scene.aws.fail('DescribeAlarms', 'throttle', 3));
    assert.equal((await scene.shift(scene.rollout(LINEAR))).outcome, 'shifted');
  });

  it('that were fired at the start are overridden when told, and count again once they were quiet', async () => {
    const scene = rolloutScene();
    scene.aws.alarms.set('errors', 'ALARM');
    scene.clock.after(200_000, () => scene.aws.alarms.set('errors', 'OK'));
    assert.equal((await scene.shift(scene.rollout(LINEAR, { ignoreFiring: true }))).outcome, 'shifted');
    assert.match(scene.said.join('\n'), /the alarm errors is in ALARM; told to begin in spite of it/);

    const again = rolloutScene();
    again.aws.alarms.set('errors', 'ALARM');
    again.clock.after(100_000, () => again.aws.alarms.set('errors', 'OK'));
    again.clock.after(200_000, () => again.aws.alarms.set('errors', 'ALARM'));
    await sentBack(again, again.rollout(LINEAR, { ignoreFiring: true }));
    assert.ok(backAfter(again, 200) <= 15);
  });

  it('watch at 100 % until the bake is over', async () => {
    const scene = rolloutScene();
    scene.clock.after(9 * MINUTE_MS + 170_000, () => scene.aws.alarms.set('errors', 'ALARM'));
    assert.match(await sentBack(scene, scene.rollout(LINEAR)), /Version 2 had up to 100 %/);
  });
});

describe('what a version does at 100 %', () => {
  const failing = (scene: RolloutScene, atMs: number, version: string): void => {
    scene.clock.after(atMs, () =>
      scene.aws.counted.push({
        what: 'Errors',
        functionName: 'settlement',
        alias: 'live',
        version,
        at: scene.clock.now(),
      }),
    );
  };

  it('is counted at the alias itself: its errors send traffic back', async () => {
    const scene = rolloutScene();
    failing(scene, 70_000, '2');
    const message = await sentBack(
      scene,
      scene.rollout('AllAtOnce', { bakeErrorsMin: 1, bakeMs: 5 * MINUTE_MS }),
    );
    assert.match(message, /version 2 failed 1 times while all traffic was on it/);
    // A minute's numbers come a minute late: 70 s is seen from 130 s on.
    assert.equal(scene.moves().at(-1)?.[0], 135);
  });

  it("is not charged with the old version's errors of the minutes before", async () => {
    const scene = rolloutScene();
    const type = { kind: 'canary', percent: 10, intervalMinutes: 1 } as const;
    failing(scene, 10_000, '1');
    failing(scene, 59_000, '1');
    const rollout = scene.rollout('AllAtOnce', {
      plan: plan(type),
      bakeErrorsMin: 1,
      bakeMs: 5 * MINUTE_MS,
    });
    assert.equal((await scene.shift(rollout)).outcome, 'shifted');
  });
});

describe('a check after that fails', () => {
  it('sends everything back', async () => {
    const scene = rolloutScene();
    scene.aws.functions.get('settlement')!.invoke = (_, event) => {
      if (event['stage'] === 'after') throw new FunctionFailure('the bank does not answer');
      return { ok: true };
    };
    assert.match(
      await sentBack(scene, scene.rollout(LINEAR)),
      /all traffic is back on version 1: the check after failed on version 2: the bank does not answer\. Version 2 had up to 100 % for 12:00/,
    );
    assert.equal(parseNote(scene.aws.alias('settlement').description)?.kind, 'sent_back');
    assert.equal((await scene.shift(scene.rollout(LINEAR))).outcome, 'sent_back');
  });
});

describe('the invocations that a step wants', () => {
  const minimum = { perStep: 3, atFull: 0, waitMsMax: 4 * MINUTE_MS, otherwise: 'send_back' } as const;
  const called = (scene: RolloutScene, everyMs: number, version: string): void => {
    const call = (): void => {
      scene.aws.counted.push({
        what: 'Invocations',
        functionName: 'settlement',
        alias: 'live',
        version,
        at: scene.clock.now(),
      });
      if (scene.clock.now().getTime() - scene.beganMs < 3_600_000) scene.clock.after(everyMs, call);
    };
    scene.clock.after(everyMs, call);
  };

  it('make it wait until the new version has been called so often', async () => {
    const scene = rolloutScene();
    called(scene, 40_000, '2');
    const shifted = await scene.shift(
      scene.rollout('Canary10Percent5Minutes', { minimum: { ...minimum, perStep: 8 } }),
    );
    assert.equal(shifted.outcome, 'shifted');
    // The eighth call is at 320 s, and is seen in the look at 390 s.
    assert.deepEqual(scene.moves()[2], [390, '2', 0]);
    assert.match(scene.said.join('\n'), /version 2 was called 6 times at 10 %, and 8 were wanted; it waits/);
  });

  it('send traffic back when they have not come in the longest wait', async () => {
    const scene = rolloutScene();
    called(scene, 40_000, '1');
    const message = await sentBack(scene, scene.rollout(LINEAR, { minimum }));
    assert.match(message, /version 2 was called 0 times at 10 %, and 3 were wanted within 4:00 more/);
    assert.equal(scene.moves().at(-1)?.[0], 300);
  });

  it('let it go on then, where it is told so', async () => {
    const scene = rolloutScene();
    const rollout = scene.rollout('Canary10Percent5Minutes', { minimum: { ...minimum, otherwise: 'go_on' } });
    assert.equal((await scene.shift(rollout)).outcome, 'shifted');
    assert.deepEqual(scene.moves()[2], [540, '2', 0]);
    assert.match(scene.said.join('\n'), /it goes on all the same/);
  });

  it('keep looking at alarms while they wait', async () => {
    const scene = rolloutScene();
    scene.clock.after(200_000, () => scene.aws.alarms.set('errors', 'ALARM'));
    assert.match(await sentBack(scene, scene.rollout(LINEAR, { minimum })), /the alarm errors is in ALARM/);
    assert.ok(backAfter(scene, 200) <= 15);
  });

  it('are those of the alias at 100 %: one real cycle of a scheduled function', async () => {
    const scene = rolloutScene();
    called(scene, 5 * MINUTE_MS, '2');
    const rollout = scene.rollout('AllAtOnce', {
      bakeMs: 0,
      minimum: { perStep: 0, atFull: 1, waitMsMax: 12 * MINUTE_MS, otherwise: 'send_back' },
    });
    assert.equal((await scene.shift(rollout)).outcome, 'shifted');
    assert.equal(scene.moves().at(-1)?.[0], 6 * 60 + 15);
  });

  it('are looked at for errors once they have come: the one cycle that is waited for may be the one that failed', async () => {
    const scene = rolloutScene();
    called(scene, 5 * MINUTE_MS, '2');
    const { watch } = scene.ports();
    // The numbers of a minute do not come all at once: the cycle is seen 10 s before its error is.
    const fails = (): void => {
      const at = new Date(scene.beganMs + 5 * MINUTE_MS);
      scene.aws.counted.push({ what: 'Errors', functionName: 'settlement', alias: 'live', version: '2', at });
    };
    let seen = false;
    const ports = {
      ...scene.ports(),
      watch: {
        ...watch,
        count: async (...args: Parameters<typeof watch.count>) => {
          const count = await watch.count(...args);
          if (args[0] === 'Invocations' && count > 0 && !seen) scene.clock.after(10_000, fails);
          seen ||= args[0] === 'Invocations' && count > 0;
          return count;
        },
      },
    };
    const rollout = scene.rollout('AllAtOnce', {
      bakeMs: 0,
      bakeErrorsMin: 1,
      minimum: { perStep: 0, atFull: 1, waitMsMax: 12 * MINUTE_MS, otherwise: 'send_back' },
    });
    const shifted = await shift(rollout, ports, new AbortController().signal);
    assert.equal(shifted.outcome, 'sent_back');
    assert.match(messageOf(shifted), /version 2 failed 1 times while all traffic was on it/);
  });
});

describe('somebody else at the alias', () => {
  it('who aborts is obeyed within a poll interval, and the mark stays', async () => {
    const scene = rolloutScene();
    const mark = formatNote({ kind: 'aborted', by: 'kim', reason: 'stop', at: new Date(0) });
    scene.clock.after(130_000, () => scene.aws.change('settlement', { version: '1', description: mark }));
    assert.match(
      await sentBack(scene, scene.rollout(LINEAR)),
      /all traffic is back on version 1: kim aborted it: stop/,
    );
    assert.equal(scene.aws.alias('settlement').description, mark);
    const next = await scene.shift(scene.rollout(LINEAR));
    assert.equal(next.outcome, 'refused');
    assert.equal(scene.aws.alias('settlement').description, mark);
  });

  it('who changes its weights or its version makes the rollout restore the old version', async () => {
    for (const change of [{ version: '1', weights: { 2: 0.9 } }, { version: '3' }, { version: '2' }]) {
      const scene = rolloutScene();
      scene.clock.after(130_000, () => scene.aws.change('settlement', change));
      assert.match(await sentBack(scene, scene.rollout(LINEAR)), /somebody else changed the alias meanwhile/);
      assert.ok(backAfter(scene, 130) <= 15);
    }
  });

  it('who is another run of the program gets the alias', async () => {
    const scene = rolloutScene();
    const [old, young] = [scene.rollout(LINEAR), scene.rollout(LINEAR, { to: '3' })];
    const first = scene.shift(old);
    let second: Promise<Shifted> | undefined;
    scene.clock.after(130_000, () => {
      second = scene.shift(young);
    });
    const shifted = await first;
    assert.equal(shifted.outcome, 'not_back');
    assert.match(messageOf(shifted), /another run of the program \(run\d+\) holds the alias/);
    assert.deepEqual(await second, { outcome: 'shifted', from: '1' });
    assert.deepEqual(scene.traffic(), { 3: 100 });
  });
});

describe('a service that is not at its best', () => {
  const kinds = { throttle: 'throttled', lose: 'answered into nothing', break: 'cut off' } as const;
  for (const [name, calls] of Object.entries(kinds)) {
    const kind = name as keyof typeof kinds;
    it(`delays a rollout and does not end it: every operation, calls that are ${calls}`, async () => {
      for (const operation of [
        'GetAlias',
        'UpdateAlias',
        'DescribeAlarms',
        'Invoke',
        'GetFunctionConfiguration',
      ])
        for (const atMs of [0, 59_000, 9 * MINUTE_MS - 1, 12 * MINUTE_MS - 1]) {
          const scene = rolloutScene();
          scene.clock.after(atMs, () => scene.aws.fail(operation, kind, 3));
          const shifted = await scene.shift(scene.rollout(LINEAR));
          assert.equal(shifted.outcome, 'shifted', `${operation} at ${atMs}: ${messageOf(shifted)}`);
          assert.deepEqual(scene.traffic(), { 2: 100 });
        }
    });

    it(`is asked again until traffic is back: calls that are ${calls}`, async () => {
      const scene = rolloutScene();
      scene.clock.after(100_000, () => {
        scene.aws.alarms.set('errors', 'ALARM');
        scene.aws.fail('UpdateAlias', kind, 7);
      });
      await sentBack(scene, scene.rollout(LINEAR));
    });
  }

  it('whose reads are behind its writes confuses nobody', async () => {
    for (const reads of [1, 2, 5])
      for (let atMs = 0; atMs <= 12 * MINUTE_MS; atMs += 20_000) {
        const scene = rolloutScene();
        scene.aws.change('settlement', { version: '1', description: 'older' });
        scene.clock.after(atMs, () => scene.aws.readBehind(reads));
        const shifted = await scene.shift(scene.rollout(LINEAR));
        assert.equal(shifted.outcome, 'shifted', `${reads} reads behind at ${atMs}: ${messageOf(shifted)}`);
      }
  });

  it('that cannot move traffic back is named, with what to do', async () => {
    const scene = rolloutScene();
    scene.clock.after(100_000, () => {
      scene.aws.alarms.set('errors', 'ALARM');
      scene.aws.fail('UpdateAlias', 'break', 9_999);
    });
    const shifted = await scene.shift(scene.rollout(LINEAR));
    assert.equal(shifted.outcome, 'not_back');
    assert.match(
      messageOf(shifted),
      /TRAFFIC COULD NOT BE SENT BACK to version 1 .*Version 2 may still get up to 20 %: send it back by "smart-transfer rollout abort"/,
    );
  });
});

describe('a program that is told to stop', () => {
  it('sends all traffic back at once, at whatever moment', async () => {
    for (let atMs = 500; atMs < 12 * MINUTE_MS; atMs += 13_000) {
      const scene = rolloutScene();
      const stop = new AbortController();
      scene.clock.after(atMs, () => stop.abort(new Error('the program was told to stop (SIGINT)')));
      const message = await sentBack(scene, scene.rollout(LINEAR), { stop: stop.signal });
      assert.match(message, /all traffic is back on version 1: the program was told to stop \(SIGINT\)/);
      assert.equal(backAfter(scene, atMs / 1000), 0);
    }
  });

  it('gives up in time to say that it could not', async () => {
    const scene = rolloutScene();
    const stop = new AbortController();
    scene.clock.after(100_000, () => {
      scene.aws.fail('UpdateAlias', 'throttle', 9_999);
      stop.abort(new Error('the program was told to stop (SIGINT)'));
    });
    const shifted = await scene.shift(scene.rollout(LINEAR), { stop: stop.signal });
    assert.equal(shifted.outcome, 'not_back');
    assert.ok((scene.clock.now().getTime() - scene.beganMs) / 1000 - 100 < 5);
  });
});

describe('a program that is killed', function () {
  this.timeout(60_000);

  /** Where the alias may be after a kill: it always serves, by one of its two versions or both. */
  async function killedEverywhere(
    type: SamType,
    other: Partial<Rollout>,
    next: (scene: RolloutScene) => Rollout,
  ): Promise<Map<string, number>> {
    const whole = rolloutScene();
    await whole.shift(whole.rollout(type, other));
    const calls = whole.aws.calls.length;
    const afterwards = new Map<string, number>();
    for (let atCall = 1; atCall <= calls; atCall += 1)
      for (const performed of [false, true]) {
        const scene = rolloutScene();
        await scene.shift(scene.rollout(type, other), { death: { atCall, performed } });
        const traffic = scene.traffic();
        assert.ok(Object.keys(traffic).every((version) => version === '1' || version === '2'));
        const left = JSON.stringify(traffic);
        afterwards.set(left, (afterwards.get(left) ?? 0) + 1);
        const rollout = next(scene);
        const shifted = await scene.shift(rollout);
        const healed = shifted.outcome === 'shifted' || shifted.outcome === 'unchanged';
        assert.ok(healed, `killed at call ${atCall}: ${messageOf(shifted)}`);
        assert.deepEqual(scene.traffic(), { [rollout.to]: 100 }, `killed at call ${atCall}`);
        assert.equal(parseNote(scene.aws.alias('settlement').description)?.kind, undefined);
      }
    return afterwards;
  }

  it('at any call leaves an alias that serves, and the next run finishes it', async () => {
    const left = await killedEverywhere(LINEAR, {}, (scene) => scene.rollout(LINEAR));
    const shares = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90].map((percent) =>
      JSON.stringify(percent === 0 ? { 1: 100 } : { 1: 100 - percent, 2: percent }),
    );
    assert.deepEqual([...left.keys()].toSorted(), [...shares, '{"2":100}'].toSorted());
  });

  it('is healed by a run that ships yet another version', async () => {
    await killedEverywhere('Canary10Percent5Minutes', {}, (scene) => scene.rollout(LINEAR, { to: '3' }));
  });

  it('is healed by a run that goes back to the old version', async () => {
    await killedEverywhere('Canary10Percent5Minutes', {}, (scene) => scene.rollout(LINEAR, { to: '1' }));
  });

  it('after everything had moved owes the watching and the check, and goes back when they fail', async () => {
    const scene = rolloutScene();
    scene.aws.change('settlement', {
      version: '2',
      description: formatNote({
        kind: 'shifting',
        from: '1',
        to: '2',
        percent: 100,
        run: 'dead',
        at: new Date(0),
      }),
    });
    scene.aws.functions.get('settlement')!.invoke = () => ({ ok: false });
    const message = await sentBack(scene, scene.rollout(LINEAR));
    assert.match(message, /all traffic is back on version 1: the check after failed/);
    // It was watched for the whole bake, and no traffic went to and fro before.
    assert.deepEqual(scene.moves().slice(1), [
      [0, '2', 0],
      [180, '1', 0],
    ]);
  });

  it('while an alarm fires is healed, and not begun again', async () => {
    const scene = rolloutScene();
    scene.aws.alarms.set('errors', 'ALARM');
    scene.aws.change('settlement', {
      version: '1',
      weights: { 2: 0.4 },
      description: formatNote({
        kind: 'shifting',
        from: '1',
        to: '2',
        percent: 40,
        run: 'dead',
        at: new Date(0),
      }),
    });
    const shifted = await scene.shift(scene.rollout(LINEAR));
    assert.equal(shifted.outcome, 'refused');
    assert.deepEqual(scene.traffic(), { 1: 100 });
    assert.match(scene.said.join('\n'), /was interrupted and left 40 % on version 2/);
  });
});
