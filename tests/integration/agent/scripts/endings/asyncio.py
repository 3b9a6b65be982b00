import asyncio
async def main():
    await asyncio.sleep(0)
    print('ran')
asyncio.run(main())
